"""Vietnamese mail from before Unicode: declared rightly, wrongly, or not at all."""

from __future__ import annotations

import pytest

from connectors.email import charsets
from connectors.email.parse import parse_mail

WORDS = "Kính gửi quý khách, đơn hàng của chị đã được gửi đi. Chúng tôi không nhận được địa chỉ mới. Cảm ơn ạ."


@pytest.mark.parametrize("codec", ["viscii", "tcvn3", "vps", "vni"])
@pytest.mark.parametrize("declared", ["", "iso-8859-1", "x-user-defined", "windows-1252", "us-ascii"])
def test_an_old_charset_is_found_whatever_the_mail_says(codec: str, declared: str):
    text, defect = charsets.decode(WORDS.encode(codec), declared)
    assert text == WORDS
    assert codec in defect or "guessed" in defect


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("VISCII", "viscii"),
        ("x-viet-tcvn5712", "tcvn3"),
        ("TCVN-5712", "tcvn3"),
        ("X-VIET-VPS", "vps"),
        ("x-viet-vni", "vni"),
    ],
)
def test_a_declared_one_is_believed(declared: str, codec: str):
    assert charsets.decode("Ạ, đồng ý".encode(codec), declared)[0] == "Ạ, đồng ý"


@pytest.mark.parametrize(
    ("written", "declared", "read"),
    [
        (b"Ti\x89ng Vi\x8ct, VI\x06T NAM, C\xe4m \xd6n, \xf1\xfa", "x-viet-vps", "Tiếng Việt, VIỆT NAM, Cảm ơn, Đú"),
        (
            "Coäng hoøa xaõ hoäi chuû nghóa Vieät Nam. Ñoäc laäp - Töï do - Haïnh phuùc".encode("cp1252"),
            "x-viet-vni",
            "Cộng hòa xã hội chủ nghĩa Việt Nam. Độc lập - Tự do - Hạnh phúc",
        ),
        ("KÍNH GÖÛI: Aên uoáng, xin caûm ôn".encode("cp1252"), "vni", "KÍNH GỬI: Ăn uống, xin cảm ơn"),
    ],
)
def test_bytes_as_vps_and_vni_write_them(written: bytes, declared: str, read: str):
    assert charsets.decode(written, declared)[0] == read


@pytest.mark.parametrize("codec", ["vps", "vni"])
def test_every_letter_is_there(codec: str):
    letters = "".join(map(chr, range(0x1EA0, 0x1EFA))) + "ÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝĂĐĨŨƠƯàáâãèéêìíòóôõùúýăđĩũơư"
    assert len(letters) == 134
    assert letters.encode(codec).decode(codec) == letters


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Où est ma commande ? Elle n'est pas arrivée à l'hôtel, réglée dès le mois dernier.", "cp1252"),
        ("Größe und Farbe wären schön, für das Gerät müßte es früher möglich sein.", "cp1252"),
        ("¿Dónde está mi pedido? Mañana será el día, señor; ¡gracias por la atención!", "cp1252"),
        ("Żółw i źrebię poszły na łąkę, gdzie kwitły piękne kwiaty.", "cp1250"),
    ],
)
def test_other_languages_stay_what_they_are(text: str, codec: str):
    assert charsets.decode(text.encode(codec), codec)[0] == text


@pytest.mark.parametrize("codec", ["tcvn3", "vni", "vps"])
def test_subject_and_body_of_a_whole_mail(codec: str):
    written = WORDS.encode(codec)
    raw = b"From: a@b.example\nSubject: " + written + b"\nContent-Type: text/plain\n\n" + written
    mail = parse_mail(raw)
    assert mail.text == WORDS
    assert mail.subject == WORDS

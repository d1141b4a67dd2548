"""What mail clients write above the mail they answer, in the languages met in practice."""

from __future__ import annotations

import re

QUOTED = re.compile(r"^\s{0,3}>")
_ADDRESS = re.compile(r"[^\s<>\[\]()\"]+@[^\s<>\[\]()\"]+")
_BRACKETED = re.compile(r"<[^<>\s@]+@[^<>\s@]+>?\s?>?")
_TIME = re.compile(r"\d{1,2}\s?[:h.]\s?\d{2}")
_DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[/.-]\d{1,2}\b|\b\d{1,2}\s+(?:thg|tháng)\b|\d年|\d년", re.I)

_VERBS = re.compile(
    r"\b(?:wrote|writes|said|đã viết|viết|a écrit|escribió|escribio|escreveu|ha scritto|schrieb|schreef|skrev|kirjoitti"
    r"|napisał\(?a?\)?|pisze|napsal\(?a?\)?|написала?|написал\(а\)|пишет|написав)|写道|寫道|來信|のメール|さんは書きました"
    r"|작성|כתב",
    re.I,
)
_STARTS = re.compile(
    r"^(?:-+\s*)?(?:On|At|In|Vào|Ngày|Lúc|Thứ|Th|CN|Hôm|Le|El|Em|Il|Am|Op|På|Den|Dne|W dniu|Dnia|On|Pada|Em|A|В|На"
    r"|Пн|Вт|Ср|Чт|Пт|Сб|Вс|\d{1,2}|\d{4}|在|於|于|ב)\b",
    re.I,
)
# Yahoo on phones puts the old mail on the same line.
_SAME_LINE = re.compile(r"^(?:On|Vào)\b.{5,150}<[^<>\s]+@[^<>\s]+>\s?(?:wrote|đã viết):\s{2,}\S", re.I)
_YEAR = re.compile(r"\b20\d\d\b")
_OLD_GMAIL = re.compile(r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}.{0,150}<[^<>\s]+@[^<>\s]+>\s*:$")
_MAY_END = re.compile(r"[:：][*_]?\s*$|-{3,}\s*$|wrote\s*$|viết\s*$", re.I)
_ENDS = re.compile(r"(?:[:：]|-{3,}|wrote|đã viết)\s*[*_]?$", re.I)

FORWARDED = re.compile(
    r"^[\s>]*(?:[-_*]{2,}\s*(?:Forwarded message|Forwarded by|Thư (?:đã )?(?:được )?chuyển tiếp"
    r"|Tin nhắn (?:đã )?(?:được )?chuyển tiếp|Message transféré|Weitergeleitete Nachricht|Mensaje reenviado"
    r"|Mensagem encaminhada|Messaggio inoltrato|Doorgestuurd bericht)\b.*"
    r"|(?:Begin forwarded message|Bắt đầu (?:thư|tin nhắn|nội dung)(?: đã)?(?: được)? chuyển tiếp"
    r"|Début du message (?:réexpédié|transféré)|Anfang der weitergeleiteten Nachricht)\s*:?\s*)$",
    re.I,
)
ORIGINAL = re.compile(
    r"^[\s>]*[-_*—–=]{2,}\s*(?:Original Message|Original Appointment|Reply message|Thư gốc|Tin nhắn gốc|Thư ban đầu"
    r"|Tin nhắn ban đầu|Nội dung gốc|Ursprüngliche Nachricht|Original-Nachricht|Message d['’]origine|Message original"
    r"|Mensaje original|Mensagem original|Messaggio originale|Oorspronkelijk bericht|Oprindelig (?:meddelelse|besked)"
    r"|Ursprungligt meddelande|Alkuperäinen viesti|Исходное сообщение|Пересылаемое сообщение|原始邮件|原始郵件"
    r"|元のメッセージ|원본 메시지).{0,40}$",
    re.I,
)
REPLY_ABOVE = re.compile(
    r"^[\s*#_=-]*(?:please (?:type|reply|write) .{0,30}above this line|trả lời phía trên dòng này)", re.I
)

_LABELS = {
    "from": "From|Từ|Người gửi|De|Von|Da|Van|Från|Fra|Od|От|Lähettäjä|发件人|寄件者|差出人|보낸 사람",
    "date": "Sent|Date|Đã gửi|Gửi|Gửi lúc|Ngày gửi|Ngày|Thời gian|Envoyé|Envoyé le|Gesendet|Datum|Enviado|Enviado el"
    "|Enviada em|Enviado em|Fecha|Data|Inviato|Verzonden|Skickat|Sendt|Dato|Wysłano|Отправлено|Дата|Lähetetty|Päivä"
    "|Pvm|发送时间|日期|送信日時|日付|보낸 날짜|날짜",
    "to": "To|Tới|Đến|Gửi đến|Gửi tới|Người nhận|À|A|An|Para|Aan|Till|Til|Do|Кому|Vastaanottaja|收件人|宛先|받는 사람",
    "subject": "Subject|Chủ đề|Tiêu đề|Objet|Betreff|Asunto|Assunto|Oggetto|Onderwerp|Ämne|Emne|Temat|Тема|Aihe|主题"
    "|主旨|件名|제목",
    "other": "Cc|Bcc|Reply-To|Importance|Attachments|Kopie|Cópia|Копия|抄送|Đồng gửi|Organization|In-Reply-To",
}
_LABEL_OF = {label.lower(): kind for kind, labels in _LABELS.items() for label in labels.split("|")}
_HEADER = re.compile(r"^[\s>*_]{0,6}([^\W\d_][^:：*\n]{0,17}?)\s?[*_]{0,2}\s?[:：][*_]{0,2}(.*)$")


def may_introduce(lines: list[str]) -> set[int]:
    """Lines that are, or are soon followed by, a line that ends like an attribution: the others need no look."""
    found: set[int] = set()
    for index, line in enumerate(lines):
        if _MAY_END.search(line[-12:]) or _SAME_LINE.match(line.strip()):
            found.update(range(max(0, index - 3), index + 1))
    return found


def attribution_length(lines: list[str], index: int) -> int:
    """How many lines the attribution at `index` takes; 0 when there is none."""
    first = lines[index].strip()
    if not first or first[0] == ">" or (len(first) > 400 and not _SAME_LINE.match(first)):
        return 0
    started = bool(_STARTS.match(first) or _YEAR.search(first) or _VERBS.search(first)) or "@" in first or "<" in first
    if not started:
        return 0
    if _SAME_LINE.match(first):
        return 1
    joined = ""
    for length in range(1, 5):
        at = index + length - 1
        line = lines[at].strip() if at < len(lines) else ""
        if not line or (length > 1 and line[0] == ">" and line != ">:"):
            return 0
        joined = f"{joined} {line}" if joined else line
        if len(joined) > 400:
            return 0
        if _ENDS.search(line):
            return length if _is_attribution(joined, next_line(lines, index + length)) else 0
    return 0


def next_line(lines: list[str], index: int) -> str:
    """The next line that is not blank."""
    for line in lines[index : index + 10]:
        if line.strip():
            return line
    return ""


def _is_attribution(joined: str, following: str) -> bool:
    quoted = bool(QUOTED.match(following))
    address = bool(_ADDRESS.search(joined))
    date, time = bool(_DATE.search(joined)), bool(_TIME.search(joined))
    if _OLD_GMAIL.match(joined):
        return True
    verb = bool(_VERBS.search(joined))
    if quoted:
        started = bool(_STARTS.match(joined))
        return (verb and (address or date or time or started)) or address + date + time >= 2
    # Nothing marks what follows as a quote: only a full attribution is believed.
    if date and time and _BRACKETED.search(joined):
        return True
    return verb and bool(_STARTS.match(joined)) and (address or time) and (date or time)


def label(line: str) -> tuple[str, str]:
    """("from" | "date" | "to" | "subject" | "other", value) of a header-like line, or ("", "")."""
    match = _HEADER.match(line)
    if not match:
        return "", ""
    return _LABEL_OF.get(match[1].strip().lower(), ""), match[2].strip(" *_")


def header_block(lines: list[str], index: int) -> bool:
    """Does the block of headers that Outlook writes above the original begin here?

    "From: Hanoi / To: Hue / Date: 12 May" may be a customer's own words: an address or all four headers are asked for.
    """
    kind, _ = label(lines[index])
    if not kind or kind == "other":
        return False
    kinds: set[str] = set()
    address = unknown = 0
    for line in lines[index : index + 12]:
        if not line.strip():
            if len(kinds) >= 3:
                break
            continue
        kind, value = label(line)
        if kind:
            kinds.add(kind)
            unknown = 0
        else:
            unknown += 1
            if unknown > 2:
                break
        address += bool(_ADDRESS.search(line))
    kinds.discard("other")
    return "from" in kinds and (len(kinds) == 4 or (len(kinds) == 3 and address > 0))

"""Mails as Vietnamese customers' programs write them: (name, subject, plain text, HTML, the new words).

Written for these tests. An empty plain text or HTML means that the mail does not carry it.
"""

# ruff: noqa: E501 - mails have long lines
from __future__ import annotations

SHOP = "Shop Hoa <hotro@shop.example>"
OLD = "Chào chị, đơn 20931 đang được giao. Shop sẽ báo khi có tin mới."
QUOTE = f"> {OLD}\n>\n> Mai"
GMAIL = "Vào Th 7, 21 thg 11, 2026 vào lúc 08:04 Shop Hoa <hotro@shop.example> đã viết:"
OUTLOOK = f"Từ: {SHOP}\nĐã gửi: Thứ Bảy, 21 tháng Mười Một 2026 8:04 SA\nĐến: lan@khach.example\nChủ đề: Re: Đơn hàng 20931\n\n{OLD}"


def gmail_html(words: str, attribution: str = GMAIL, quote: str = OLD, after: str = "") -> str:
    shown = attribution.replace("<", "&lt;").replace(">", "&gt;")
    return (
        f'<div dir="ltr">{words}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">{shown}<br></div>'
        f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{quote}</blockquote>{after}</div>'
    )


MAILS: list[tuple[str, str, str, str, str]] = [
    (
        "gmail web",
        "Re: Đơn hàng",
        f"Mình vẫn chưa nhận được hàng ạ.\n\n{GMAIL}\n\n{QUOTE}\n",
        "",
        "Mình vẫn chưa nhận được hàng ạ.",
    ),
    (
        "gmail web, attribution wrapped",
        "Re: Đơn hàng",
        "Cảm ơn shop, mình nhận được rồi.\n\nVào Th 7, 21 thg 11, 2026 vào lúc 08:04 Shop Hoa\n<hotro@shop.example> đã viết:\n\n"
        + QUOTE,
        "",
        "Cảm ơn shop, mình nhận được rồi.",
    ),
    (
        "gmail web, attribution wrapped before the verb",
        "Re: Đơn hàng",
        "Dạ vâng ạ.\n\nVào Th 7, 21 thg 11, 2026 vào lúc 08:04 Bộ phận hỗ trợ khách hàng Shop Hoa\n<hotro@shop.example>\nđã viết:\n\n"
        + QUOTE,
        "",
        "Dạ vâng ạ.",
    ),
    (
        "gmail html only",
        "Re: Đơn hàng",
        "",
        gmail_html("Cho mình đổi sang size M nhé."),
        "Cho mình đổi sang size M nhé.",
    ),
    (
        "gmail android without diacritics",
        "Re: Don hang",
        "Shop oi minh chua nhan duoc hang\n\nVào Th 7, 21 thg 11, 2026, 08:04 Shop Hoa <hotro@shop.example> đã viết:\n\n"
        + QUOTE,
        "",
        "Shop oi minh chua nhan duoc hang",
    ),
    (
        "gmail in english",
        "Re: Đơn hàng",
        "Ok shop\n\nOn Sat, Nov 21, 2026 at 8:04 AM Shop Hoa <hotro@shop.example> wrote:\n\n" + QUOTE,
        "",
        "Ok shop",
    ),
    (
        "gmail with a signature",
        "Re: Đơn hàng",
        f"Nhờ shop xuất hoá đơn giúp mình.\n\n-- \nTrần Thị Lan\nKế toán, Công ty Khách\n0912 345 678\n\n{GMAIL}\n\n{QUOTE}",
        "",
        "Nhờ shop xuất hoá đơn giúp mình.",
    ),
    (
        "gmail, answer below the quote",
        "Re: Đơn hàng",
        f"{GMAIL}\n\n{QUOTE}\n\nMình ở nhà cả ngày, shop giao lúc nào cũng được.\n",
        "",
        "Mình ở nhà cả ngày, shop giao lúc nào cũng được.",
    ),
    (
        "gmail, answers between the lines",
        "Re: Câu hỏi",
        f"{GMAIL}\n\n> Chị muốn màu gì?\n\nMàu đỏ.\n\n> Chị lấy mấy cái?\n\nHai cái ạ.\n",
        "",
        "> Chị muốn màu gì?\n\nMàu đỏ.\n\n> Chị lấy mấy cái?\n\nHai cái ạ.",
    ),
    (
        "gmail html, answer below the quote",
        "Re: Câu hỏi",
        "",
        gmail_html("", after="<div>Mình chọn cách thứ hai.</div>"),
        "Mình chọn cách thứ hai.",
    ),
    (
        "outlook desktop",
        "RE: Đơn hàng 20931",
        "Chào shop,\n\nMình gửi lại ảnh như đính kèm.\n\n" + OUTLOOK,
        "",
        "Chào shop,\n\nMình gửi lại ảnh như đính kèm.",
    ),
    (
        "outlook desktop with a rule",
        "RE: Đơn hàng",
        "Shop xem giúp.\n\n________________________________\n" + OUTLOOK,
        "",
        "Shop xem giúp.",
    ),
    (
        "outlook desktop in english",
        "RE: Đơn hàng",
        "Shop xem giúp.\n\nFrom: Shop Hoa <hotro@shop.example>\nSent: Saturday, November 21, 2026 8:04 AM\n"
        f"To: Lan <lan@khach.example>\nSubject: Re: Đơn hàng\n\n{OLD}",
        "",
        "Shop xem giúp.",
    ),
    (
        "outlook with names only",
        "RE: Đơn hàng",
        f"Ok bạn.\n\nTừ: Shop Hoa\nĐã gửi: 21 Tháng Mười Một 2026 08:04\nTới: Trần Thị Lan\nChủ đề: Đơn hàng\n\n{OLD}",
        "",
        "Ok bạn.",
    ),
    (
        "outlook bold labels",
        "RE: Đơn hàng",
        f"Ok bạn.\n\n*Từ:* {SHOP}\n*Đã gửi:* Thứ Bảy, 21 Tháng 11, 2026 8:04 SA\n*Đến:* lan@khach.example\n*Chủ đề:* Đơn hàng\n\n{OLD}",
        "",
        "Ok bạn.",
    ),
    (
        "outlook 2016 html",
        "RE: Đơn hàng",
        "",
        '<div class="WordSection1"><p class="MsoNormal">Mình muốn trả hàng.</p><p class="MsoNormal">&nbsp;</p>'
        '<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in"><p class="MsoNormal"><b>Người gửi:</b>'
        f' Shop Hoa<br><b>Lúc:</b> 21/11/2026</p></div></div><p class="MsoNormal">{OLD}</p></div>',
        "Mình muốn trả hàng.",
    ),
    (
        "outlook on the web html",
        "Re: Đơn hàng",
        "",
        '<div>Bao giờ shop mở cửa lại?</div><div id="appendonsend"></div><hr style="width:98%"><div id="divRplyFwdMsg">'
        f"<font><b>Từ:</b> Shop Hoa<br><b>Gửi:</b> Thứ Bảy</font></div><div>{OLD}</div>",
        "Bao giờ shop mở cửa lại?",
    ),
    (
        "outlook mobile",
        "Re: Đơn hàng",
        "Mình đang trên đường, chiều lấy hàng được không?\n\nTải Outlook cho iOS<https://aka.ms/o0ukef>\n"
        "________________________________\n" + OUTLOOK,
        "",
        "Mình đang trên đường, chiều lấy hàng được không?",
    ),
    (
        "outlook mobile in english",
        "Re: Đơn hàng",
        "Ok nhé\n\nGet Outlook for Android<https://aka.ms/AAb9ysg>\n" + OUTLOOK,
        "",
        "Ok nhé",
    ),
    (
        "windows mail",
        "Re: Đơn hàng",
        f"Đã chuyển khoản.\n\nĐược gửi từ Mail dành cho Windows\n\nTừ: {SHOP}\nĐã gửi: 21 Tháng 11 2026 8:04 SA\nTới: lan@khach.example\n"
        f"Chủ đề: Đơn hàng\n\n{OLD}",
        "",
        "Đã chuyển khoản.",
    ),
    (
        "iphone",
        "Re: Đơn hàng",
        f"Chưa thấy ai gọi cả\n\nĐã gửi từ iPhone của tôi\n\n> Vào 08:04, 21 thg 11, 2026, Shop Hoa <hotro@shop.example> đã viết:\n> \n{QUOTE}",
        "",
        "Chưa thấy ai gọi cả",
    ),
    (
        "iphone, short form",
        "Re: Đơn hàng",
        f"Vâng ạ\n\nGửi từ iPhone của tôi\n\nVào Th 7, 21 thg 11, 2026 lúc 08:04 Shop Hoa <hotro@shop.example> đã viết:\n\n{QUOTE}",
        "",
        "Vâng ạ",
    ),
    (
        "iphone in english",
        "Re: Đơn hàng",
        f"Vâng ạ\n\nSent from my iPhone\n\nOn 21 Nov 2026, at 08:04, Shop Hoa <hotro@shop.example> wrote:\n\n{QUOTE}",
        "",
        "Vâng ạ",
    ),
    (
        "apple mail html",
        "Re: Đơn hàng",
        "",
        '<div>Em gửi lại số tài khoản giúp chị.</div><div><br><blockquote type="cite"><div>Vào 21 thg 11, 2026, lúc 08:04, Shop Hoa'
        f" &lt;hotro@shop.example&gt; đã viết:</div><br><div>{OLD}</div></blockquote></div>",
        "Em gửi lại số tài khoản giúp chị.",
    ),
    (
        "apple mail on a mac",
        "Re: Đơn hàng",
        f"Tốt quá.\n\n> Vào ngày 21 thg 11, 2026, vào lúc 08:04, Shop Hoa <hotro@shop.example> đã viết:\n> \n{QUOTE}",
        "",
        "Tốt quá.",
    ),
    (
        "yahoo",
        "Re: Đơn hàng",
        f"Shop trả lời giúp mình với\n\n    Vào Thứ Bảy, 21 tháng 11, 2026 lúc 08:04:00 GMT+7, Shop Hoa <hotro@shop.example> đã viết:  \n \n {OLD}",
        "",
        "Shop trả lời giúp mình với",
    ),
    (
        "yahoo html",
        "Re: Đơn hàng",
        "",
        '<div class="ydp">Mình cần gấp trước thứ Hai.</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div>Vào Thứ Bảy, 21 tháng 11,'
        f" 2026 lúc 08:04, Shop Hoa đã viết:</div><div>{OLD}</div></div>",
        "Mình cần gấp trước thứ Hai.",
    ),
    (
        "yahoo on android",
        "Re: Đơn hàng",
        f"Ok\n\nGửi từ Yahoo Mail trên Android\n\n  Vào Th 7, 21 thg 11, 2026 lúc 8:04, Shop Hoa<hotro@shop.example> đã viết:   {OLD}",
        "",
        "Ok",
    ),
    (
        "zoho",
        "Re: Đơn hàng",
        f"Đồng ý.\n\n\n\n---- Vào Th 7, 21 thg 11 2026 08:04:00 +0700 Shop Hoa <hotro@shop.example> đã viết ----\n\n{OLD}",
        "",
        "Đồng ý.",
    ),
    (
        "zoho html",
        "Re: Đơn hàng",
        "",
        f'<div>Đồng ý.</div><div class="zmail_extra"><div>---- Trên Thứ Bảy, Shop Hoa viết ----</div><blockquote>{OLD}</blockquote></div>',
        "Đồng ý.",
    ),
    (
        "samsung",
        "Re: Đơn hàng",
        f"Hàng bị vỡ rồi shop ơi\n\nĐược gửi từ điện thoại thông minh Samsung Galaxy của tôi.\n\n-------- Tin nhắn gốc --------\n{OUTLOOK}",
        "",
        "Hàng bị vỡ rồi shop ơi",
    ),
    (
        "samsung, old",
        "Re: Đơn hàng",
        f"Hàng bị vỡ rồi\n\n-------- Thư gốc --------\nTừ: {SHOP} \nNgày: 21/11/26  08:04  (GMT+07:00) \nĐến: lan@khach.example \nChủ đề: Đơn hàng \n\n{OLD}",
        "",
        "Hàng bị vỡ rồi",
    ),
    (
        "thunderbird",
        "Re: Đơn hàng",
        f"Vào lúc 21/11/2026 08:04, Shop Hoa đã viết:\n{QUOTE}\n\nMình đồng ý với phương án này.\n",
        "",
        "Mình đồng ý với phương án này.",
    ),
    (
        "thunderbird html",
        "Re: Đơn hàng",
        "",
        '<p>Mình đồng ý.</p><div class="moz-cite-prefix">Vào lúc 21/11/2026 08:04, Shop Hoa đã viết:<br></div>'
        f'<blockquote type="cite" cite="mid:1@shop.example">{OLD}</blockquote>',
        "Mình đồng ý.",
    ),
    (
        "thunderbird in english above",
        "Re: Đơn hàng",
        f"Mình đồng ý.\n\nOn 21/11/2026 08:04, Shop Hoa wrote:\n{QUOTE}",
        "",
        "Mình đồng ý.",
    ),
    ("original message line", "Re: Đơn hàng", f"Nhờ shop xử lý.\n\n-----Thư gốc-----\n{OLD}", "", "Nhờ shop xử lý."),
    (
        "original message line in english",
        "Re: Đơn hàng",
        f"Nhờ shop xử lý.\n\n-----Original Message-----\nFrom: {SHOP}\n\n{OLD}",
        "",
        "Nhờ shop xử lý.",
    ),
    (
        "closing formula",
        "Đơn hàng",
        "Nhờ shop kiểm tra đơn 20931.\n\nTrân trọng,\nTrần Thị Lan\nCông ty TNHH Khách Hàng\nĐT: 0912 345 678",
        "",
        "Nhờ shop kiểm tra đơn 20931.",
    ),
    (
        "thanks are words of the customer",
        "Đơn hàng",
        "Mình đã nhận được hàng.\n\nCảm ơn shop nhiều,\nLan",
        "",
        "Mình đã nhận được hàng.\n\nCảm ơn shop nhiều,\nLan",
    ),
    (
        "a postscript after the formula stays",
        "Đơn hàng",
        "Cho mình hỏi giá.\n\nTrân trọng,\nLan\n\nÀ shop có giao đi Huế không?",
        "",
        "Cho mình hỏi giá.\n\nTrân trọng,\nLan\n\nÀ shop có giao đi Huế không?",
    ),
    (
        "a forwarded mail is what the customer says",
        "Fwd: Hoá đơn",
        "Shop xem thư dưới đây.\n\n---------- Forwarded message ---------\nTừ: Kho <kho@khac.example>\nDate: Th 6, 20 thg 11, 2026\nSubject: Hoá đơn\nTo: lan@khach.example\n\nHoá đơn sai số tiền.",
        "",
        "Shop xem thư dưới đây.\n\n---------- Forwarded message ---------\nTừ: Kho <kho@khac.example>\nDate: Th 6, 20 thg 11, 2026\nSubject: Hoá đơn\nTo: lan@khach.example\n\nHoá đơn sai số tiền.",
    ),
    (
        "a forwarded mail from outlook",
        "FW: Hoá đơn",
        "Shop xem giúp.\n\nTừ: Kho <kho@khac.example>\nĐã gửi: 20 Tháng 11 2026 9:00 SA\nĐến: lan@khach.example\nChủ đề: Hoá đơn\n\nHoá đơn sai số tiền.",
        "",
        "Shop xem giúp.\n\nTừ: Kho <kho@khac.example>\nĐã gửi: 20 Tháng 11 2026 9:00 SA\nĐến: lan@khach.example\nChủ đề: Hoá đơn\n\nHoá đơn sai số tiền.",
    ),
    (
        "a journey is no header block",
        "Đặt xe",
        "Mình muốn đặt xe:\nTừ: Hà Nội\nĐến: Hải Phòng\nNgày: 25/11/2026\nCảm ơn shop.",
        "",
        "Mình muốn đặt xe:\nTừ: Hà Nội\nĐến: Hải Phòng\nNgày: 25/11/2026\nCảm ơn shop.",
    ),
    (
        "what somebody wrote is told, not quoted",
        "Khiếu nại",
        "Vào hôm thứ Ba nhân viên bên bạn viết:\nsẽ hoàn tiền trong 3 ngày.\nĐến nay mình chưa nhận được.",
        "",
        "Vào hôm thứ Ba nhân viên bên bạn viết:\nsẽ hoàn tiền trong 3 ngày.\nĐến nay mình chưa nhận được.",
    ),
    (
        "an excerpt that is answered stays",
        "Hỏi",
        "Chào shop,\n\n> Miễn phí giao hàng từ 300k\n\nCó áp dụng cho Huế không ạ?",
        "",
        "Chào shop,\n\n> Miễn phí giao hàng từ 300k\n\nCó áp dụng cho Huế không ạ?",
    ),
    (
        "answers inside the original are shown whole",
        "RE: Câu hỏi",
        f"Mình trả lời ở bên dưới nhé.\n\n{OUTLOOK}\nMàu đỏ ạ.",
        "",
        f"Mình trả lời ở bên dưới nhé.\n\n{OUTLOOK}\nMàu đỏ ạ.",
    ),
    ("only a quote is shown", "Re: Đơn hàng", f"{GMAIL}\n\n{QUOTE}", "", f"{GMAIL}\n\n{QUOTE}"),
    ("one word", "Re: Đơn hàng", f"Ok\n\n{GMAIL}\n{QUOTE}", "", "Ok"),
]

"""The words by which mail servers refuse mail, English and Vietnamese."""

from __future__ import annotations

import re

SOFT = re.compile(
    r"mailbox (?:is )?(?:full|size limit|exceed)|(?:over|exceed\w*|out of)[ -](?:the |its |his |her |allowed "
    r"|your )*(?:quota|storage|space)"
    r"|quota|insufficient (?:disk|storage|system)|not enough (?:disk|space|storage)|disk full|storage limit"
    r"|hộp thư (?:đã )?đầy"
    r"|too (?:large|big)|size (?:limit|exceed)|exceeds? .{0,30}size|message .{0,20}length|dung lượng|quá lớn"
    r"|sender verif|sender address|verification failed|callout|spam"
    r"|blacklist|block ?list|blocklisted|black list|dnsbl|spamhaus|\brbl\b|policy|dmarc|\bspf\b|\bdkim\b"
    r"|reputation|unsolicited|virus|malware"
    r"|content (?:filter|reject)|banned|greylist|gr[ea]y-?list|rate limit|too many|throttl|try again|temporar"
    r"|defer|timed? ?out|relay(?:ing)? (?:denied|not|access|prohib)|relaying"
    r"|authenticat|not permitted|administrative prohibition|chính sách|thư rác|chặn",
    re.I,
)
HARD = re.compile(
    r"(?:user|recipient|mailbox|account|address|alias|addressee|name|local part"
    r"|person)\s?(?:name )?(?:\S{1,80} )?(?:is |was |has been |does |could )?(?:not (?:be )?(?:found|known"
    r"|exist|valid|listed|active|recogni[sz]ed|available anymore)"
    r"|unknown|doesn.?t (?:exist|have)|no longer|invalid|disabled|inactive|deactivated|closed|suspended"
    r"|terminated|expired|deleted|unavailable|not a valid)"
    r"|(?:unknown|invalid|no such|non-?existent|bad|illegal|inactive|unrouteable|unroutable"
    r")[ -](?:\S{1,30} )?(?:user|recipient|mailbox|account|address|local|alias|e-?mail|person"
    r"|domain|host|name)"
    r"|not (?:our|a (?:valid|known|local)) (?:customer|user|recipient|mailbox|address)"
    r"|doesn.?t have an? .{0,40}account|does not have an? .{0,40}account|no (?:such )?(?:user|mailbox|account"
    r"|recipient|person)\b"
    r"|no mailbox here|user .{0,60}not (?:found|known|exist|listed)|does ?n.?o?t exist|address (?:rejected"
    r"|unknown)|host (?:or domain name )?(?:not found|unknown)|domain (?:not found|does not exist|unknown)"
    r"|name (?:or service )?not (?:known|found)|nxdomain|unknown (?:host|domain)"
    r"|not a registered|invalid final delivery userid|does not have a final email delivery"
    r"|no matches to nameserver|n['’]existe pas|no existe|não existe|existiert nicht"
    r"|has moved|no longer (?:works|valid|active|at|in use|accept|on server|employed)"
    r"|not accept(?:ing)? mail at this address|unable to find (?:the )?(?:recipient|user|mailbox)"
    r"|account.{0,30}(?:disabled|closed|deactivated|suspended)|mailbox (?:disabled|inactive|unavailable)"
    r"|không tồn tại|không tìm thấy (?:địa chỉ|người nhận|tên miền|hộp thư)|địa chỉ .{0,40}(?:không (?:hợp lệ"
    r"|đúng|có)|sai)|tài khoản .{0,40}(?:bị khóa|không tồn tại|ngừng)|không có người dùng",
    re.I,
)
SUBJECT = re.compile(
    r"undeliver|delivery (?:status|fail|has failed|problem|report|notification)|returned mail|mail delivery"
    r"|failure notice|delivery failure|"
    r"non[- ]?deliver|message (?:status|undeliver|not delivered)|could not (?:be )?deliver"
    r"|mail (?:system )?error|rejected mail|bounce|unzustellbar|"
    r"nondeliverable|failed|unable to deliver|warning: (?:message|could not)|không (?:thể )?(?:gửi|chuyển|phát)"
    r"|chưa (?:gửi|được gửi|chuyển)|thư bị trả lại|gửi thư thất bại|thất bại",
    re.I,
)
FREE_ADDRESS = re.compile(r"<?\b([A-Za-z0-9._%+'=-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6})\b>?")
VIETNAMESE = re.compile(
    r"(?:thư|email|tin nhắn|message)[^\n]{0,80}(?:không (?:thể )?(?:gửi|chuyển|phát)|chưa được (?:gửi|chuyển)"
    r"|bị trả lại)|"
    r"không (?:thể )?(?:gửi|chuyển|phát) (?:được )?(?:thư|email|tin nhắn)|gửi (?:thư|email)[^\n]{0,40}thất bại",
    re.I,
)
TEMPORARY_TEXT = re.compile(
    r"delayed|will (?:retry|be retried|keep trying)|still trying|warning message only|sẽ (?:tiếp tục )?thử lại",
    re.I,
)

"""What people write to the shop about, in two languages. Only words: who says them, and when, is the plan's matter.

A turn is (who, ways to say it): "c" the customer, "a" an agent, "n" an internal note. Braces name what the plan fills
in: {order}, {item}, {item2}, {city}, {day}, {sum}, {code}, {dear} (how the agent addresses the customer), {agent}.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Turn = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Told:
    """One matter in one language."""

    subjects: tuple[str, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Matter:
    """One kind of request. `reason` is the contact reason's English name; weights are relative."""

    key: str
    reason: str
    tags: tuple[str, ...]
    weight: int
    en: Told
    vi: Told
    team: str = ""  # moved there after the first look
    priority: str = "normal"
    channels: frozenset[str] = field(default=frozenset({"email", "widget", "telegram", "phone"}))
    sore: bool = False  # people who write about it rate lower

    def told(self, language: str) -> Told:
        return self.vi if language == "vi" else self.en


CHAT = frozenset({"widget", "telegram"})
MAIL = frozenset({"email"})

MATTERS: tuple[Matter, ...] = (
    Matter(
        "where", "Where is my order", ("delivery",), 22,
        Told(
            ("Where is my order {order}?", "Tracking for {order}", "{order} still not here"),
            (
                ("c", (
                    "I ordered the {item} last week, order {order}. The tracking page has not moved since {day}. "
                    "Do you know where it is?",
                    "Could you check {order} for me? It says it left your studio on {day} and nothing since then.",
                    "My order {order} was due on {day}. Is it still coming?",
                )),
                ("a", (
                    "Hello {dear}, thank you for asking. Your parcel is at the courier's depot in {city} and goes out "
                    "tomorrow morning. I will keep an eye on it until it is with you.",
                    "Hi {dear}, I have just called the courier: {order} was sorted to the wrong depot and is on its way "
                    "to {city} now. It will be with you within two days. I am sorry for the wait.",
                )),
                ("c", ("Good, thank you. Can they call before they come?", "Thanks. Please make sure it is not left outside.")),
                ("a", (
                    "Of course. I have added a note to the label: they call you half an hour before.",
                    "Done, the driver has your number and hands it over in person only.",
                )),
            ),
        ),
        Told(
            ("Đơn {order} đến đâu rồi ạ?", "Hỏi đơn {order}", "Chưa nhận được đơn {order}"),
            (
                ("c", (
                    "Shop ơi, mình đặt {item} tuần trước, mã {order}. Trang theo dõi đứng yên từ {day}. Đơn đang ở đâu ạ?",
                    "Cho mình hỏi đơn {order} với. Báo đã gửi từ {day} mà mình chưa thấy gọi giao.",
                    "Đơn {order} hẹn giao {day} mà chưa thấy đâu, shop kiểm tra giúp em với ạ.",
                )),
                ("a", (
                    "Dạ em chào {dear} ạ. Em vừa kiểm tra, đơn {order} đang ở bưu cục {city}, sáng mai bên giao hàng sẽ phát ạ. "
                    "Em theo dõi đến khi {dear} nhận được hàng nhé.",
                    "Dạ {dear} ơi, đơn {order} bị chuyển nhầm tuyến, hiện đang về {city}. Trong 2 ngày tới {dear} sẽ nhận được, "
                    "em xin lỗi vì để {dear} chờ ạ.",
                )),
                ("c", ("Ok em, trước khi giao nhớ gọi chị nhé.", "Vậy nhờ shop dặn giao giờ hành chính giúp mình.")),
                ("a", ("Dạ em ghi chú trên đơn rồi ạ, shipper sẽ gọi trước 30 phút.", "Dạ em đã dặn bên vận chuyển rồi ạ.")),
            ),
        ),
    ),
    Matter(
        "broken", "Faulty or damaged", ("breakage",), 15,
        Told(
            ("{item} arrived cracked, order {order}", "Broken on arrival: {order}", "Chipped {item}"),
            (
                ("c", (
                    "My order {order} came today and the {item} has a crack from the rim down. I attach a photo. "
                    "It was meant as a present for {day}.",
                    "Unfortunately the {item} in {order} arrived in two pieces. The box was wet on one side.",
                )),
                ("a", (
                    "I am so sorry, {dear}. Thank you for the photo, it is all we need. Would you like a new {item}, or your "
                    "money back?",
                    "Oh no, I am sorry to read this, {dear}. We pay for it, of course. Shall I send a new one today?",
                )),
                ("n", (
                    "Two more {item} from the same kiln batch came back this week. Told the packing table.",
                    "One left on shelf B4, held for {order}.",
                )),
                ("c", ("A new one please, if it can be here before {day}.", "A new one would be great, thank you.")),
                ("a", (
                    "It left this morning with a double box and arrives before {day}. No need to send the broken one back.",
                    "It is on its way. Keep the pieces for your flower pots, and here is 10 % for your next order: {code}.",
                )),
            ),
        ),
        Told(
            ("{item} bị nứt khi nhận, đơn {order}", "Hàng vỡ, đơn {order}", "{item} bị mẻ miệng"),
            (
                ("c", (
                    "Shop ơi, đơn {order} vừa giao hôm nay mà {item} bị nứt một đường dài. Mình gửi ảnh kèm. Mình mua tặng mẹ {day}.",
                    "Em nhận đơn {order} rồi nhưng {item} bị vỡ làm đôi, thùng móp một góc luôn ạ.",
                )),
                ("a", (
                    "Em xin lỗi {dear} ạ. Em cảm ơn {dear} đã gửi ảnh, vậy là đủ thông tin rồi. {dear} muốn đổi cái mới hay "
                    "hoàn tiền ạ?",
                    "Dạ em rất xin lỗi {dear} ạ, lỗi này bên em chịu. Em gửi cái mới cho mình trong hôm nay được không ạ?",
                )),
                ("n", ("Kho còn đúng một {item}, đã giữ cho đơn {order}.", "Lô nung tuần trước có 3 cái nứt, báo xưởng kiểm tra.")),
                ("c", ("Đổi cái mới giúp mình, kịp trước {day} nhé shop.", "Cho mình đổi cái mới nha.")),
                ("a", (
                    "Dạ hàng mới đã gửi sáng nay, đóng hai lớp thùng, đến trước {day} ạ. Cái cũ {dear} không cần gửi lại đâu ạ.",
                    "Dạ em gửi đi rồi ạ, kèm mã giảm 10 % cho lần sau: {code}. Em cảm ơn {dear} đã thông cảm.",
                )),
            ),
        ),
        priority="high", sore=True,
    ),
    Matter(
        "refund", "Refund", ("refund",), 9,
        Told(
            ("Refund for {order}", "Still waiting for my money, {order}"),
            (
                ("c", (
                    "I sent the {item} of {order} back ten days ago and have not seen the {sum} yet. When will you refund it?",
                    "You confirmed the return of {order} on {day}. How long does the refund take?",
                )),
                ("a", (
                    "Hello {dear}, the parcel reached us and I have released {sum} to your card just now. Banks take two to "
                    "three working days. I am sorry we did not tell you earlier.",
                    "Hi {dear}, you are right, that took too long. The transfer of {sum} left today, and I added the postage.",
                )),
                ("c", ("It has arrived, thank you.", "Alright, I will wait until {day}.")),
                ("a", ("Thank you for your patience, {dear}.", "Please write again if it is not there by then, I keep this open.")),
            ),
        ),
        Told(
            ("Hoàn tiền đơn {order}", "Chưa nhận được tiền hoàn {order}"),
            (
                ("c", (
                    "Shop ơi, em gửi trả {item} của đơn {order} mười ngày rồi mà chưa thấy hoàn {sum} ạ.",
                    "Em chờ ba ngày rồi chưa thấy hoàn tiền đơn {order}. Shop xem giúp em với.",
                )),
                ("a", (
                    "Dạ em chào {dear}, kho đã nhận hàng và em vừa chuyển {sum} vào tài khoản của {dear} rồi ạ. Ngân hàng xử lý "
                    "1–2 ngày làm việc. Em xin lỗi vì chưa báo sớm ạ.",
                    "Dạ {dear} nói đúng ạ, bên em xử lý chậm. Em đã chuyển {sum} hôm nay và hoàn thêm phí gửi ạ.",
                )),
                ("c", ("Mình nhận được rồi, cảm ơn shop.", "Ok, có gì mình nhắn lại.")),
                ("a", ("Dạ em cảm ơn {dear} ạ.", "Dạ em vẫn theo dõi đến khi tiền về ạ.")),
            ),
        ),
        priority="high", sore=True,
    ),
    Matter(
        "product", "Question about a product", ("product",), 17,
        Told(
            ("Is the {item} safe in the oven?", "Question about the {item}", "Size of the {item}"),
            (
                ("c", (
                    "Hello! Can the {item} go in the oven and the dishwasher?",
                    "How large is the {item}, and does the glaze look as green as in the picture?",
                    "Do you still make the {item} in the matte black glaze?",
                )),
                ("a", (
                    "Hi {dear}! Yes to both: the oven up to 220 °C, and the dishwasher on the gentle programme.",
                    "Hello {dear}, it holds about 900 ml, 16 cm across. The glaze is a little greyer in daylight; I attach a photo "
                    "from this morning.",
                )),
                ("c", ("Perfect, I will take two.", "That helps, thank you. And the {item2}?")),
                ("a", ("Lovely! I have put two aside for you until tomorrow.", "The {item2} too, it is the same clay.")),
            ),
        ),
        Told(
            ("{item} dùng được trong lò nướng không ạ?", "Hỏi về {item}", "Kích thước {item}"),
            (
                ("c", (
                    "Shop cho mình hỏi {item} có dùng được trong lò nướng với máy rửa chén không ạ?",
                    "{item} dung tích bao nhiêu vậy shop? Màu men ngoài đời có giống ảnh không?",
                    "Mẫu {item} còn men đen nhám không shop?",
                )),
                ("a", (
                    "Dạ được ạ: lò nướng đến 220 °C, máy rửa chén chế độ nhẹ. {dear} cần em giữ hàng không ạ?",
                    "Dạ dung tích khoảng 900 ml, miệng 16 cm ạ. Men ngoài đời hơi xám hơn ảnh một chút.",
                )),
                ("c", ("Vậy cho mình hai cái nhé.", "Còn {item2} thì sao shop?")),
                ("a", ("Dạ em giữ cho {dear} đến hết ngày mai ạ.", "Dạ {item2} cũng vậy ạ, cùng một loại đất.")),
            ),
        ),
    ),
    Matter(
        "ship", "Price or offer", ("shipping",), 10,
        Told(
            ("Do you ship {item} to {city}?", "Shipping cost to {city}"),
            (
                ("c", (
                    "Do you ship to {city}? I would like four {item}, gift wrapped if possible.",
                    "What would sending two {item} to {city} cost, and how long does it take?",
                )),
                ("a", (
                    "Hello {dear}, yes: four to six days, {sum} for up to four pieces, wrapping is free.",
                    "Hi {dear}! {sum}, about five days, insured. Shall I prepare the order?",
                )),
                ("c", ("Great, please do. Can you wrap them?", "I will order tonight, thanks.")),
                ("a", ("With pleasure. The payment link is in your mail.", "I will look out for it. Thank you, {dear}!")),
            ),
        ),
        Told(
            ("{item} có giao ra {city} không ạ?", "Phí giao đến {city}"),
            (
                ("c", (
                    "Shop ơi, {item} có giao ra {city} không ạ? Mình lấy bốn cái, gói quà được không?",
                    "Gửi hai {item} ra {city} hết bao nhiêu phí vậy shop?",
                )),
                ("a", (
                    "Dạ có ạ, khoảng 4 đến 6 ngày, phí {sum} cho tối đa bốn món. {dear} lấy bốn cái thì em để riêng nhé ạ?",
                    "Dạ phí {sum}, khoảng 5 ngày, có bảo hiểm vỡ ạ. Em lên đơn luôn cho {dear} nhé?",
                )),
                ("c", ("Ok em lên đơn giúp chị, gói quà nhé.", "Để tối mình đặt, cảm ơn shop.")),
                ("a", ("Dạ em đã gửi liên kết thanh toán, gói quà miễn phí ạ.", "Dạ em cảm ơn {dear} ạ.")),
            ),
        ),
        channels=CHAT | MAIL,
    ),
    Matter(
        "address", "Late or failed delivery", ("delivery",), 9,
        Told(
            ("Change the delivery address of {order}", "New address for {order} before Monday"),
            (
                ("c", (
                    "Please change the address of {order}: we moved to 14 Tràng Thi, {city}. Is it too late?",
                    "The courier says nobody was at home for {order}. Can it come on {day} instead?",
                )),
                ("a", (
                    "Hello {dear}, not too late: the label has the new address now.",
                    "Hi {dear}, I have booked a second try for {day}. They will call first.",
                )),
                ("c", ("Is the new address on the label now?", "Thank you very much!")),
                ("a", ("Yes, I printed it myself. It leaves this afternoon.", "You are welcome, {dear}.")),
            ),
        ),
        Told(
            ("Đổi địa chỉ giao đơn {order}", "Giao lại đơn {order}"),
            (
                ("c", (
                    "Shop đổi giúp mình địa chỉ đơn {order} sang 14 Tràng Thi, {city} được không ạ?",
                    "Shipper báo không có người nhận đơn {order}. Giao lại {day} giúp mình nhé shop.",
                )),
                ("a", (
                    "Dạ kịp ạ, em đã đổi địa chỉ trên vận đơn rồi {dear} nhé.",
                    "Dạ em đã hẹn giao lại {day}, shipper sẽ gọi trước ạ.",
                )),
                ("c", ("Shop in nhãn theo địa chỉ mới chưa ạ?", "Mình cảm ơn nhiều.")),
                ("a", ("Dạ em vừa in lại rồi, chiều nay gửi đi ạ.", "Dạ không có gì ạ.")),
            ),
        ),
    ),
    Matter(
        "invoice", "Payment or invoice", ("invoice",), 8,
        Told(
            ("Invoice with company tax code, {order}", "Invoice for {order}"),
            (
                ("c", (
                    "Could you issue a VAT invoice for {order}? Company: Hoa Ban Interiors Ltd, tax code 0109 238 417.",
                    "The invoice of {order} has one wrong digit in our tax code. Can you correct it?",
                )),
                ("a", (
                    "Hello {dear}, the corrected invoice is in your mailbox now. The old one is cancelled.",
                    "Hi {dear}, done: you find it attached, and by link for your accountant.",
                )),
                ("c", ("Received, all correct now.", "One digit of the tax code is still wrong, it ends in 417.")),
                ("a", ("Thank you for checking, {dear}.", "I am sorry, now it is right. I compared every digit.")),
            ),
        ),
        Told(
            ("Xuất hoá đơn theo mã số thuế công ty, {order}", "Hoá đơn đơn {order}"),
            (
                ("c", (
                    "Nhờ shop xuất hoá đơn VAT đơn {order}: Công ty TNHH Nội thất Hoa Ban, MST 0109 238 417.",
                    "Hoá đơn đơn {order} sai một số trong mã số thuế, shop sửa giúp em với ạ.",
                )),
                ("a", (
                    "Dạ em đã gửi hoá đơn điều chỉnh vào email rồi ạ, hoá đơn cũ đã huỷ.",
                    "Dạ xong rồi ạ, {dear} xem trong tệp đính kèm giúp em nhé.",
                )),
                ("c", ("Mình nhận rồi, đúng hết.", "Mã số thuế vẫn sai một chữ số em ạ, cuối là 417.")),
                ("a", ("Dạ em cảm ơn {dear} đã kiểm tra ạ.", "Dạ em xin lỗi, giờ đúng rồi ạ, em đã đối chiếu từng số.")),
            ),
        ),
        channels=MAIL | {"telegram"},
    ),
    Matter(
        "wholesale", "Price or offer", ("wholesale", "quote"), 7,
        Told(
            ("Wholesale price for 60 {item}", "Quote for our restaurant", "Café order: 40 {item}"),
            (
                ("c", (
                    "We are opening a restaurant in {city} and need 60 {item} and 60 {item2}. What is your wholesale price, and "
                    "could you deliver by {day}?",
                    "Good morning, we would like a quote for 40 {item} with our logo under the foot.",
                )),
                ("n", ("Kiln is free in week 2, 60 pieces are one firing. 18 % off list is fine.",)),
                ("a", (
                    "Good morning {dear}, for 60 pieces we offer 18 % off the list price, {sum} in all, ready three weeks after "
                    "the deposit. The offer is attached.",
                    "Hello {dear}, thank you for thinking of us. With the stamp it is {sum}; the first sample is free.",
                )),
                ("c", ("Thank you. We would need them by mid-month, is that possible?", "Sounds good, please send the contract.")),
                ("a", ("It is, if you confirm by {day}. I keep the kiln free until then.", "It is in your mail. Welcome, {dear}!")),
            ),
        ),
        Told(
            ("Báo giá sỉ 60 {item}", "Báo giá cho quán cà phê", "Đặt 40 {item} in logo"),
            (
                ("c", (
                    "Bên mình sắp mở nhà hàng ở {city}, cần 60 {item} và 60 {item2}. Shop báo giá sỉ và thời gian giao giúp ạ.",
                    "Chào shop, quán mình muốn đặt 40 {item} đóng dấu logo dưới đế, giá thế nào ạ?",
                )),
                ("n", ("Tuần 2 lò trống, 60 cái vừa một mẻ. Giảm 18 % được.",)),
                ("a", (
                    "Dạ em chào {dear}, từ 60 món bên em giảm 18 %, tổng {sum}, giao sau 3 tuần kể từ khi đặt cọc. Em gửi báo giá ạ.",
                    "Dạ có đóng dấu thì tổng {sum} ạ, mẫu đầu tiên miễn phí.",
                )),
                ("c", ("Giữa tháng bên mình cần hàng, kịp không em?", "Ok em gửi hợp đồng nhé.")),
                ("a", ("Dạ kịp nếu {dear} chốt trước {day} ạ, em giữ lò cho mình.", "Dạ em gửi qua email rồi ạ.")),
            ),
        ),
        team="Wholesale", channels=MAIL | {"phone"},
    ),
    Matter(
        "change", "Return or exchange", ("exchange",), 8,
        Told(
            ("Exchange the {item} of {order}", "Wrong colour in {order}"),
            (
                ("c", (
                    "I received the {item} in blue but had ordered sand (order {order}). Can I exchange it?",
                    "The {item} is smaller than I thought. May I change it for the {item2} and pay the difference?",
                )),
                ("a", (
                    "Of course, {dear}. The courier picks it up on {day} and brings the right one in the same visit.",
                    "Hello {dear}, yes, within 30 days. The label is in your mail; the difference is {sum}.",
                )),
                ("c", ("That is very easy, thank you.", "Do I have to be at home?")),
                ("a", ("Enjoy it, {dear}!", "No, you can leave it at the reception, closed with tape.")),
            ),
        ),
        Told(
            ("Đổi {item}, đơn {order}", "Giao sai màu, đơn {order}"),
            (
                ("c", (
                    "Mình đặt {item} màu cát mà nhận màu xanh, đơn {order}. Đổi giúp mình được không shop?",
                    "{item} nhỏ hơn mình nghĩ, cho mình đổi sang {item2} và bù tiền được không ạ?",
                )),
                ("a", (
                    "Dạ được ạ, {day} shipper qua lấy và giao luôn màu đúng cho {dear} nhé.",
                    "Dạ đổi trong 30 ngày ạ, {dear} bù {sum} giúp em nhé.",
                )),
                ("c", ("Nhanh vậy, cảm ơn shop nha.", "Mình gửi lễ tân được không?")),
                ("a", ("Dạ chúc {dear} dùng vui ạ.", "Dạ được ạ, {dear} dán kín thùng giúp em là được.")),
            ),
        ),
    ),
    Matter(
        "service", "Complaint about service", ("complaint",), 4,
        Told(
            ("Nobody answers the phone", "Disappointed with {order}"),
            (
                ("c", (
                    "I have called three times about {order} and always hear that somebody will call back. Nobody does.",
                    "The driver was rude and threw the parcel over the fence. Inside: a {item}. Is that how you send ceramics?",
                )),
                ("a", (
                    "You are right to be angry, {dear}, and I am sorry. I have taken {order} over myself, here is my direct "
                    "number. You will hear from me before 17:00.",
                    "I apologise, {dear}. I have reported the driver, and a new {item} is on its way, free of charge.",
                )),
                ("n", ("Call centre missed 6 calls on that day, see the roster.",)),
                ("c", ("Let us see.", "Thank you for taking it seriously.")),
                ("a", ("As promised: the parcel is with you tomorrow before noon.", "Thank you for telling us, {dear}.")),
            ),
        ),
        Told(
            ("Gọi mãi không ai nghe máy", "Thất vọng về đơn {order}"),
            (
                ("c", (
                    "Mình gọi ba lần về đơn {order}, lần nào cũng bảo sẽ gọi lại mà không ai gọi.",
                    "Shipper ném thùng hàng qua cổng, bên trong là {item}. Shop gửi đồ gốm kiểu gì vậy?",
                )),
                ("a", (
                    "Dạ {dear} trách là đúng ạ, em xin lỗi. Em trực tiếp nhận xử lý đơn {order}, trước 17 giờ em gọi lại cho mình ạ.",
                    "Dạ em xin lỗi {dear} ạ. Em đã phản ánh với bên vận chuyển và gửi ngay {item} mới, không tính phí ạ.",
                )),
                ("n", ("Hôm đó tổng đài nhỡ 6 cuộc, xem lại ca trực.",)),
                ("c", ("Để xem thế nào.", "Cảm ơn em đã xử lý nhanh.")),
                ("a", ("Dạ như em hẹn, trưa mai hàng đến tay {dear} ạ.", "Dạ em cảm ơn {dear} đã góp ý ạ.")),
            ),
        ),
        priority="high", sore=True,
    ),
    Matter(
        "order", "Placing an order", ("order",), 8,
        Told(
            ("Order two {item}", "Cannot pay for my basket"),
            (
                ("c", (
                    "I cannot get past the payment page with my card. Can I order two {item} through you?",
                    "Can you add a {item2} to {order} before it leaves?",
                )),
                ("a", (
                    "Gladly, {dear}. I have made the order, the payment link is in your mail.",
                    "Yes, {dear}, it is in the same parcel now. The difference is {sum}.",
                )),
                ("c", ("Paid. Thank you!", "Wonderful.")),
                ("a", ("Received, it leaves tomorrow.", "Thank you, {dear}!")),
            ),
        ),
        Told(
            ("Đặt hai {item}", "Không thanh toán được giỏ hàng"),
            (
                ("c", (
                    "Shop ơi mình thanh toán thẻ mãi không được, cho mình đặt hai {item} qua đây nhé.",
                    "Thêm một {item2} vào đơn {order} trước khi gửi giúp mình với.",
                )),
                ("a", (
                    "Dạ em lên đơn rồi ạ, {dear} bấm liên kết thanh toán em gửi nhé.",
                    "Dạ em thêm vào cùng thùng rồi ạ, {dear} bù {sum} giúp em.",
                )),
                ("c", ("Mình chuyển rồi nhé.", "Cảm ơn em.")),
                ("a", ("Dạ em nhận được rồi, mai gửi hàng ạ.", "Dạ em cảm ơn {dear} ạ.")),
            ),
        ),
    ),
    Matter(
        "care", "How to use it", ("care",), 5,
        Told(
            ("How do I clean the {item}?", "Dark lines in the glaze"),
            (
                ("c", (
                    "Tea has left dark lines in the glaze of my {item}. Can I clean it somehow?",
                    "How should I treat the {item} before I cook in it for the first time?",
                )),
                ("a", (
                    "That is crackle, {dear}: it grows darker with tea, and many people love it. Baking soda and warm water make "
                    "it lighter.",
                    "Fill it with rice water, {dear}, heat it slowly once, and let it cool by itself. That is all.",
                )),
                ("c", ("I see. Then I will leave it, thank you.", "Thanks for the quick answer!")),
            ),
        ),
        Told(
            ("Vệ sinh {item} thế nào ạ?", "Men bị vết trà"),
            (
                ("c", (
                    "{item} nhà mình bị vết trà bám trong men rạn, làm sao cho sạch vậy shop?",
                    "Lần đầu dùng {item} thì cần tôi nồi thế nào ạ?",
                )),
                ("a", (
                    "Dạ đó là men rạn, càng dùng càng lên màu ạ. {dear} ngâm nước ấm với ít baking soda là nhạt bớt ạ.",
                    "Dạ {dear} nấu nước vo gạo lửa nhỏ một lần rồi để nguội tự nhiên là được ạ.",
                )),
                ("c", ("À vậy để nguyên cho đẹp, cảm ơn shop.", "Cảm ơn shop trả lời nhanh.")),
            ),
        ),
        channels=CHAT | MAIL,
    ),
    Matter(
        "points", "Account or loyalty points", ("loyalty",), 3,
        Told(
            ("My loyalty points", "Points of {order} missing"),
            (
                ("c", ("The points of {order} are not in my account.", "How many points do I have, and do they expire?")),
                ("a", (
                    "They are there now, {dear}: 245 points, good until next {day}.",
                    "You have 1,180 points, {dear}; they stay as long as you order once a year.",
                )),
                ("c", ("Found them, thank you.", "Good to know.")),
            ),
        ),
        Told(
            ("Điểm thưởng của mình", "Thiếu điểm đơn {order}"),
            (
                ("c", ("Đơn {order} chưa thấy cộng điểm shop ơi.", "Mình còn bao nhiêu điểm, có hết hạn không ạ?")),
                ("a", (
                    "Dạ em cộng 245 điểm cho {dear} rồi ạ.",
                    "Dạ {dear} có 1.180 điểm ạ, mỗi năm mua một lần là điểm không hết hạn.",
                )),
                ("c", ("Mình thấy rồi, cảm ơn shop.", "Ok shop.")),
            ),
        ),
    ),
)  # fmt: skip

# What people add to a rating, by score.
COMMENTS: dict[str, dict[int, tuple[str, ...]]] = {
    "en": {
        1: (
            "Three days for an answer, and then it was the wrong one.",
            "I had to tell my story four times.",
            "Still no refund. Very disappointing.",
        ),
        2: (
            "Friendly people, but nobody told me the date.",
            "It took far too long.",
            "The second cup was broken as well.",
        ),
        3: ("It worked out in the end.", "Fine, but slow.", "I would have liked a call."),
        4: ("Quick and friendly.", "Good help, thank you.", "Solved on the same day."),
        5: (
            "Wonderful service, thank you Linh!",
            "You even called me back on a Saturday.",
            "Best shop I know. The bowls are beautiful.",
            "Perfect.",
            "So kind, and so fast.",
        ),
    },
    "vi": {
        1: (
            "Chờ ba ngày mới trả lời mà lại trả lời sai.",
            "Phải kể lại chuyện bốn lần.",
            "Đến giờ vẫn chưa hoàn tiền, quá thất vọng.",
        ),
        2: (
            "Nhân viên nhiệt tình nhưng chưa ai báo ngày giao cho mình.",
            "Xử lý quá lâu.",
            "Cái thứ hai gửi lại cũng bị nứt.",
        ),
        3: ("Cuối cùng cũng xong.", "Tạm ổn nhưng hơi chậm.", "Giá mà gọi điện cho mình thì tốt hơn."),
        4: ("Trả lời nhanh, dễ thương.", "Hỗ trợ tốt, cảm ơn shop.", "Xong ngay trong ngày."),
        5: (
            "Dịch vụ tuyệt vời, cảm ơn bạn Linh!",
            "Thứ Bảy vẫn gọi lại cho mình, rất quý.",
            "Gốm đẹp, người bán có tâm.",
            "Quá tuyệt vời ạ.",
            "Nhanh và rất dễ thương.",
        ),
    },
}

THANKS = {
    "en": ("Thank you!", "Great, thanks a lot.", "Thanks for your help!"),
    "vi": ("Dạ ok, cảm ơn shop ạ", "Cảm ơn shop nhiều nha", "Ok shop, cảm ơn ạ"),
}
CALL_NOTES = {
    "en": (
        "Asked about {order}. Told them it arrives on {day}.",
        "Wants a call when the {item} is back in stock.",
        "{item} of {order} broken, prefers a new one to a refund.",
        "Checked the address of {order}, nothing to change.",
    ),
    "vi": (
        "Khách hỏi đơn {order}, đã báo giao {day}.",
        "Khách muốn được gọi khi {item} có hàng lại.",
        "{item} đơn {order} bị vỡ, khách muốn đổi chứ không hoàn tiền.",
        "Kiểm tra lại địa chỉ đơn {order}, không đổi gì.",
    ),
}

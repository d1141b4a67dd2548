"""SMS: over Twilio both ways, over eSMS (Vietnamese brand names) out."""

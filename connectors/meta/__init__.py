"""What Facebook Messenger, Instagram and WhatsApp share: the Graph API, its signatures, its events."""

"""What several senders use: MIME, bounded HTTP exchanges, deadlines. No module here is a type of sender."""

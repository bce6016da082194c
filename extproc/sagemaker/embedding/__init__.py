"""The dialects of containers that embed texts, one file each."""

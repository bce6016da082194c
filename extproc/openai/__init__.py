"""The client's side: what OpenAI SDKs send, and what they expect back."""

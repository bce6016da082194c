"""Names of the wider format that this gateway knows but does not serve.

They are refused like any other unknown name, but with the truth about them: ignoring a setting that somebody relies
on is worse than refusing it. Sources: the published declarative configuration reference.
"""

from __future__ import annotations

# By the section that may hold them; "[]" stands for any index.
KEYS: dict[tuple[str, ...], frozenset[str]] = {
    (): frozenset(
        {
            "agents", "auto_provider", "caching", "callbacks", "consumer_groups", "cors", "gateway",
            "global_rate_limit", "health_monitor", "history", "includes", "ip_allowlist", "ip_rate_limit", "learning",
            "loads", "memory", "moderation", "models", "review", "token_rate_limit", "unified_access",
            "user_rate_limit",
        }
    ),
    ("providers",): frozenset({"health_monitor", "retry", "strategy"}),
    ("providers", "fallback"): frozenset(
        {
            "content_policy", "context_window", "latency_window", "max_latency_ms", "max_retries", "retry_on",
            "strategy",
        }
    ),
    ("providers", "targets", "[]"): frozenset(
        {
            "api_key", "api_key_header", "api_key_prefix", "azure_api_version", "azure_deployment", "circuit_breaker",
            "cloudflare_account_id_env", "escalation_routing", "models", "path_template",
            "rate_limit", "retry", "secret_key_ref", "snowflake_account_identifier_env",
        }
    ),
    ("size_limits",): frozenset({"max_header_bytes"}),
    ("testing",): frozenset({"default_threshold", "plugins", "strategies"}),
    ("testing", "suites", "[]"): frozenset({"assertions"}),
}  # fmt: skip

# Keys of one policy-chain entry in its object form, `{kind: {...}}`.
CHAIN_ENTRY_KEYS = ("when", "stage", "parallel")

POLICY_KINDS = frozenset(
    {
        "agent-firewall", "bias-monitor", "bot-detector", "case-privacy", "citation-verifier", "cjis-mode",
        "code-sanitation", "code-sanitizer", "content-extractor", "document-analyzer", "dual-use-filter",
        "embedding-detector", "entity-list-filter", "eu-ai-act", "external-moderation",
        "financial-compliance", "flagged-review", "gdpr-compliance", "healthcare-compliance", "hipaa-phi-detector",
        "human-oversight", "itar-ear-filter", "language-validator", "mnpi-filter", "quality-scorer", "rbac",
        "response-rewriter", "safety-filter", "student-privacy", "tool-budget", "tool-validation", "upl-filter",
    }
)  # fmt: skip

PROVIDERS = frozenset(
    {
        "anthropic", "aws-bedrock", "azure", "azure-openai", "bedrock", "cloudflare", "cohere", "deepseek", "gemini",
        "google", "groq", "huggingface", "mistral", "ollama", "openai", "openllm", "openrouter", "snowflake",
        "together", "vertex", "vertex-ai", "vllm", "xai",
    }
)  # fmt: skip

# Values of a field, by its path; "[]" stands for any index.
VALUES: dict[tuple[str, ...], frozenset[str | bool]] = {
    ("providers", "targets", "[]", "provider_type"): PROVIDERS,
    ("providers", "targets", "[]", "format"): frozenset({"anthropic", "gemini"}),
    ("policy", "prompt-injection", "action"): frozenset({"escalate"}),
    ("policy", "prompt-injection", "response", "action"): frozenset({"escalate"}),
    ("policy", "prompt-injection", "response", "log_level"): frozenset({"debug", "info", "error"}),
    ("policy", "prompt-injection", "boundaries", "enforce_delimiters"): frozenset({False}),
    ("policy", "prompt-injection", "backend"): frozenset({"external"}),
    ("testing", "suites", "[]", "cases", "[]", "expected", "verdict"): frozenset({"escalate"}),
    ("policy", "audit-logger", "hipaa_audit_controls"): frozenset({True}),
}

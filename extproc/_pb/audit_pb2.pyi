from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuditLine(_message.Message):
    __slots__ = ("chain", "seq", "prev", "time", "event", "request_id", "outcome", "status", "verdict", "method", "path", "source_address", "client_request_id", "principal", "client_headers", "model", "stream", "target", "planned", "routing", "attempts", "attempt_count", "findings", "policies", "scores", "skipped_policies", "block", "error", "detail", "finish_reasons", "usage", "request_bytes", "response_bytes", "latency_ms", "config", "hashes", "request_body", "response_body", "format", "segment", "public_key", "certificate", "version", "retention_days", "immutable", "log_all_access", "supervisor", "resumed", "count", "root", "sig", "chains", "removed", "what", "filters", "user", "host")
    class ClientHeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class PoliciesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ScoresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class FiltersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    PREV_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    CLIENT_HEADERS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_POLICIES_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASONS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_BODY_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_BODY_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    IMMUTABLE_FIELD_NUMBER: _ClassVar[int]
    LOG_ALL_ACCESS_FIELD_NUMBER: _ClassVar[int]
    SUPERVISOR_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    SIG_FIELD_NUMBER: _ClassVar[int]
    CHAINS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    chain: str
    seq: int
    prev: str
    time: str
    event: str
    request_id: str
    outcome: str
    status: int
    verdict: str
    method: str
    path: str
    source_address: str
    client_request_id: str
    principal: str
    client_headers: _containers.ScalarMap[str, str]
    model: str
    stream: bool
    target: str
    planned: _containers.RepeatedScalarFieldContainer[str]
    routing: Routing
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    attempt_count: int
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    policies: _containers.ScalarMap[str, str]
    scores: _containers.ScalarMap[str, float]
    skipped_policies: _containers.RepeatedScalarFieldContainer[str]
    block: Block
    error: Error
    detail: str
    finish_reasons: _containers.RepeatedScalarFieldContainer[str]
    usage: Usage
    request_bytes: int
    response_bytes: int
    latency_ms: Latency
    config: Config
    hashes: Hashes
    request_body: Body
    response_body: Body
    format: int
    segment: int
    public_key: str
    certificate: Certificate
    version: str
    retention_days: int
    immutable: bool
    log_all_access: bool
    supervisor: str
    resumed: Resumed
    count: int
    root: str
    sig: str
    chains: _containers.RepeatedCompositeFieldContainer[Head]
    removed: _containers.RepeatedCompositeFieldContainer[Removed]
    what: str
    filters: _containers.ScalarMap[str, str]
    user: str
    host: str
    def __init__(self, chain: _Optional[str] = ..., seq: _Optional[int] = ..., prev: _Optional[str] = ..., time: _Optional[str] = ..., event: _Optional[str] = ..., request_id: _Optional[str] = ..., outcome: _Optional[str] = ..., status: _Optional[int] = ..., verdict: _Optional[str] = ..., method: _Optional[str] = ..., path: _Optional[str] = ..., source_address: _Optional[str] = ..., client_request_id: _Optional[str] = ..., principal: _Optional[str] = ..., client_headers: _Optional[_Mapping[str, str]] = ..., model: _Optional[str] = ..., stream: _Optional[bool] = ..., target: _Optional[str] = ..., planned: _Optional[_Iterable[str]] = ..., routing: _Optional[_Union[Routing, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., attempt_count: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., policies: _Optional[_Mapping[str, str]] = ..., scores: _Optional[_Mapping[str, float]] = ..., skipped_policies: _Optional[_Iterable[str]] = ..., block: _Optional[_Union[Block, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., detail: _Optional[str] = ..., finish_reasons: _Optional[_Iterable[str]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., request_bytes: _Optional[int] = ..., response_bytes: _Optional[int] = ..., latency_ms: _Optional[_Union[Latency, _Mapping]] = ..., config: _Optional[_Union[Config, _Mapping]] = ..., hashes: _Optional[_Union[Hashes, _Mapping]] = ..., request_body: _Optional[_Union[Body, _Mapping]] = ..., response_body: _Optional[_Union[Body, _Mapping]] = ..., format: _Optional[int] = ..., segment: _Optional[int] = ..., public_key: _Optional[str] = ..., certificate: _Optional[_Union[Certificate, _Mapping]] = ..., version: _Optional[str] = ..., retention_days: _Optional[int] = ..., immutable: _Optional[bool] = ..., log_all_access: _Optional[bool] = ..., supervisor: _Optional[str] = ..., resumed: _Optional[_Union[Resumed, _Mapping]] = ..., count: _Optional[int] = ..., root: _Optional[str] = ..., sig: _Optional[str] = ..., chains: _Optional[_Iterable[_Union[Head, _Mapping]]] = ..., removed: _Optional[_Iterable[_Union[Removed, _Mapping]]] = ..., what: _Optional[str] = ..., filters: _Optional[_Mapping[str, str]] = ..., user: _Optional[str] = ..., host: _Optional[str] = ...) -> None: ...

class Routing(_message.Message):
    __slots__ = ("strategy", "order", "reasons")
    class ReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    order: _containers.RepeatedScalarFieldContainer[str]
    reasons: _containers.ScalarMap[str, str]
    def __init__(self, strategy: _Optional[str] = ..., order: _Optional[_Iterable[str]] = ..., reasons: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("target", "status", "error_type")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_TYPE_FIELD_NUMBER: _ClassVar[int]
    target: str
    status: int
    error_type: str
    def __init__(self, target: _Optional[str] = ..., status: _Optional[int] = ..., error_type: _Optional[str] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("phase", "policy", "entity", "count")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    phase: str
    policy: str
    entity: str
    count: int
    def __init__(self, phase: _Optional[str] = ..., policy: _Optional[str] = ..., entity: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("phase", "policy", "rule")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    phase: str
    policy: str
    rule: str
    def __init__(self, phase: _Optional[str] = ..., policy: _Optional[str] = ..., rule: _Optional[str] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("type", "code")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    type: str
    code: str
    def __init__(self, type: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "completion_tokens", "estimated")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    def __init__(self, prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., estimated: _Optional[bool] = ...) -> None: ...

class Latency(_message.Message):
    __slots__ = ("asked", "first_byte", "total")
    ASKED_FIELD_NUMBER: _ClassVar[int]
    FIRST_BYTE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    asked: float
    first_byte: float
    total: float
    def __init__(self, asked: _Optional[float] = ..., first_byte: _Optional[float] = ..., total: _Optional[float] = ...) -> None: ...

class Config(_message.Message):
    __slots__ = ("pack", "hash")
    PACK_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    pack: str
    hash: str
    def __init__(self, pack: _Optional[str] = ..., hash: _Optional[str] = ...) -> None: ...

class Hashes(_message.Message):
    __slots__ = ("key", "request", "response")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    key: str
    request: str
    response: str
    def __init__(self, key: _Optional[str] = ..., request: _Optional[str] = ..., response: _Optional[str] = ...) -> None: ...

class Body(_message.Message):
    __slots__ = ("captured", "truncated", "text", "key", "nonce", "data")
    CAPTURED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    captured: str
    truncated: bool
    text: str
    key: str
    nonce: str
    data: str
    def __init__(self, captured: _Optional[str] = ..., truncated: _Optional[bool] = ..., text: _Optional[str] = ..., key: _Optional[str] = ..., nonce: _Optional[str] = ..., data: _Optional[str] = ...) -> None: ...

class Certificate(_message.Message):
    __slots__ = ("key", "signature")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    key: str
    signature: str
    def __init__(self, key: _Optional[str] = ..., signature: _Optional[str] = ...) -> None: ...

class Resumed(_message.Message):
    __slots__ = ("chain", "seq", "hash", "lost")
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    chain: str
    seq: int
    hash: str
    lost: int
    def __init__(self, chain: _Optional[str] = ..., seq: _Optional[int] = ..., hash: _Optional[str] = ..., lost: _Optional[int] = ...) -> None: ...

class Head(_message.Message):
    __slots__ = ("chain", "segment", "seq", "hash", "final", "size")
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    chain: str
    segment: int
    seq: int
    hash: str
    final: bool
    size: int
    def __init__(self, chain: _Optional[str] = ..., segment: _Optional[int] = ..., seq: _Optional[int] = ..., hash: _Optional[str] = ..., final: _Optional[bool] = ..., size: _Optional[int] = ...) -> None: ...

class Removed(_message.Message):
    __slots__ = ("segment", "first", "last", "hash", "last_time", "retention_days")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    segment: str
    first: int
    last: int
    hash: str
    last_time: str
    retention_days: int
    def __init__(self, segment: _Optional[str] = ..., first: _Optional[int] = ..., last: _Optional[int] = ..., hash: _Optional[str] = ..., last_time: _Optional[str] = ..., retention_days: _Optional[int] = ...) -> None: ...

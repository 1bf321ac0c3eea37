"""An example for each variable whose default says too little; messages about faulty settings show it."""

_KEY_EXAMPLE = 'k1: and the output of: python3 -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'
EXAMPLES: dict[str, str] = {
    "DATABASE_URL": "postgresql://todo:secret@db.example.com:5432/todo?sslmode=verify-full&sslrootcert=/ca.pem",
    "MIGRATION_DATABASE_URL": (
        "postgresql://owner:secret@db.example.com:5432/todo?sslmode=verify-full&sslrootcert=/ca.pem"
    ),
    "REDIS_URL": "rediss://cache.example.com:6379/0",
    "CORS_ORIGINS": "https://app.example.com,https://admin.example.com",
    "TRUSTED_PROXIES": "10.0.0.0/8,192.168.1.7/32",
    "IP_WHITELIST": "203.0.113.0/24,2001:db8:7::/48",
    "SECRET_KEY": 'the output of: python3 -c "import secrets; print(secrets.token_urlsafe(48))"',
    "ENCRYPTION_KEYS": _KEY_EXAMPLE,
    "BLIND_INDEX_KEYS": _KEY_EXAMPLE,
    "ERASURE_LEDGER_PATH": "/var/lib/todo-ledger/erasures",
    "MAIL_PROVIDER": "smtp, or off to do without mail",
    "SMTP_URL": "smtp://todo:secret@mail.example.com:587",
    "MAIL_FROM": "Todo <no-reply@example.com>",
    "SMS_PROVIDER": "http, or off to do without text messages",
    "SMS_URL": "https://sms.example.com/v1/messages",
    "OUTBOUND_PRIVATE_NETWORKS": "10.1.2.0/24",
    "PUBLIC_BASE_URL": "https://todo.example.com",
    "ACCOUNT_PAGES_URL": "https://app.example.com/account",
    "V1_SUNSET_AT": "2027-11-01T00:00:00Z",
    "V1_DEPRECATED_AT": "2026-11-01T00:00:00Z",
}

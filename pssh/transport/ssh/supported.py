"""Which names of paramiko the protocol is built on: private ones, so that each release has to be looked at.

They are used in `driver` and `wire`, and checked before the first connection, so that an unsupported release is one
clear line and not a failure in mid-run.
"""

import paramiko

from pssh.transport.ssh.wire import NoSocket

_PRIVATE = """_handler_table _expected_packet _expect_packet _enforce_strict_kex _send_kex_init _parse_kex_init
    _parse_newkeys _activate_outbound _activate_inbound _verify_key _send_message _log _compute_key _negotiate_keys
    _parse_ext_info _parse_global_request _parse_channel_open _kex_info _cipher_info kex_engine
    initial_kex_done authenticated remote_version local_version session_id server_extensions host_key_type
    agreed_on_strict_kex local_kex_init remote_kex_init H K""".split()


def check() -> None:
    """Raise ImportError if a name is missing."""
    probe = paramiko.Transport(NoSocket())
    missing = [name for name in _PRIVATE if not hasattr(probe, name)]
    if missing:
        from importlib.metadata import version  # 30 ms, and a worker keeps even paramiko from it

        raise ImportError(f"paramiko {version('paramiko')} is not supported (>=5.1,<6): it lacks {', '.join(missing)}")

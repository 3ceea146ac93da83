"""The ways in: this machine's programs over loopback, other machines by CURVE; ZMTP, and limits for anybody's bytes."""

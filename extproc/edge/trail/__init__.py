"""The audit trail on the disk: what writes it, joins it, delivers it elsewhere and removes it in time."""

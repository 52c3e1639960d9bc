"""What a process needs beside its work: log, locks, fingerprint, device, seeds."""

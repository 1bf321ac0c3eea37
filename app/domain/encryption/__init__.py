"""The keys of what is stored encrypted: which are needed, and how what is stored gets a new one."""

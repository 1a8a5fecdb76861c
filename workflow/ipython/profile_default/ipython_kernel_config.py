# Jobs are local: the kernel's warning that its connection is not encrypted would stand before every
# notebook's output.
c.Application.log_level = 40  # noqa: F821  (IPython defines c)

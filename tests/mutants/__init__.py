"""Every guard that keeps money safe, and the test that fails without it. `make mutants` takes them away one by one."""

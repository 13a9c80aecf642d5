package main

import "strata/internal/durable"

func lockForTest(path string) (*durable.Lock, error) { return durable.AcquireLock(path) }

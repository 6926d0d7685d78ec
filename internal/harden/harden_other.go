//go:build !linux

package harden

func process() error { return nil }

func prevented() (yes, known bool) { return false, false }

package sopsfile

import (
	"context"
	"errors"
	"slices"

	"github.com/secretsync/secretsync/internal/sopsfile/keygate"
)

// Recipients returns the keys that the file is encrypted for, each as its type and public name,
// such as "age age1…".
func (f *File) Recipients() []string {
	var names []string
	for _, k := range slices.Concat(f.tree.Metadata.KeyGroups...) {
		names = append(names, recipient(k))
	}
	return names
}

// CheckKey returns an error if no key at hand decrypts the file's data key. Keys of types that are
// not allowed are not tried. Nothing else is decrypted, and the MAC is not verified.
func (f *File) CheckKey(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clock := keygate.StartClock(f.opener.time, func() { cancel(errTooSlow) })
	defer clock.Stop()
	done := make(chan error, 1)
	go func() { // SOPS may go on after ctx has ended
		var err error
		defer func() { done <- err }()
		defer rescue(f, &err)
		var key []byte
		key, err = f.dataKey(ctx, f.tree.Metadata, clock)
		clear(key)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if errors.Is(context.Cause(ctx), errTooSlow) {
		return f.tooSlow()
	}
	return err
}

package objectstore

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// ErrIgnoresConditions means that a store writes objects whether their conditions hold or not.
// Nothing that relies on a [Condition] works with it.
var ErrIgnoresConditions = errors.New("the object store ignores the conditions of writes, so two runs would not exclude each other")

// ProbeKey is the key of the object that [Probe] writes. It stays, so that the next probe needs
// two requests only.
const ProbeKey = "probe.json"

const probeData = `{"purpose": "secretsync checks with this object that the store respects If-None-Match and If-Match"}
`

// noVersion is the version of no object, in the form of an ETag.
const noVersion = Version(`"00000000000000000000000000000000"`)

// Probe returns [ErrIgnoresConditions] if the store ignores conditions, as some S3-compatible
// ones do. It tries to create an object that exists, and to replace a version that does not: 2
// requests side by side, which a proper store refuses, and 1 more the first time. Call it once in
// a run that writes.
func Probe(ctx context.Context, s Store) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return probeCreate(ctx, s) })
	g.Go(func() error { return probeMatch(ctx, s) })
	return g.Wait()
}

// probeCreate creates an object twice, unless it exists already.
func probeCreate(ctx context.Context, s Store) error {
	for range 2 {
		err := repeat(ctx, func() error {
			_, err := s.Put(ctx, ProbeKey, []byte(probeData), Condition{})
			return err
		})
		switch {
		case errors.Is(err, ErrConflict):
			return nil
		case err != nil:
			return fmt.Errorf("write %s/%s: %w", s, ProbeKey, err)
		}
	}
	return fmt.Errorf("%s: %w (it wrote %s twice with If-None-Match: *)", s, ErrIgnoresConditions, ProbeKey)
}

// probeMatch replaces a version that the object cannot have.
func probeMatch(ctx context.Context, s Store) error {
	err := repeat(ctx, func() error {
		_, err := s.Put(ctx, ProbeKey, []byte(probeData), Condition{Match: noVersion})
		return err
	})
	switch {
	case errors.Is(err, ErrConflict):
		return nil
	case err != nil:
		return fmt.Errorf("write %s/%s: %w", s, ProbeKey, err)
	}
	return fmt.Errorf("%s: %w (it wrote %s with an If-Match that does not match)", s, ErrIgnoresConditions, ProbeKey)
}

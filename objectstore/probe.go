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
	g.Go(func() error { return probe(ctx, s, Condition{}, 2, "twice with If-None-Match: *") })
	g.Go(func() error {
		return probe(ctx, s, Condition{Match: noVersion}, 1, "with an If-Match that does not match")
	})
	return g.Wait()
}

// probe writes the object under a condition that does not hold, at the latest after the first of
// several writes. how says for messages what the store did wrong if all of them succeed.
func probe(ctx context.Context, s Store, c Condition, writes int, how string) error {
	for range writes {
		err := repeat(ctx, func() error {
			_, err := s.Put(ctx, ProbeKey, []byte(probeData), c)
			return err
		})
		switch {
		case errors.Is(err, ErrConflict):
			return nil
		case err != nil:
			return err
		}
	}
	return fmt.Errorf("%s: %w (it wrote %s %s)", s, ErrIgnoresConditions, ProbeKey, how)
}

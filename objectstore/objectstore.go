// Package objectstore is what a lease and a shared lockfile need of an object store: small
// objects that change only under a condition. Package [github.com/secretsync/secretsync/objectstore/s3]
// provides S3-compatible ones, package [github.com/secretsync/secretsync/objectstore/filestore]
// folders.
//
// Call [Probe] before writing, then [Get] and [Put], which repeat requests and recognise their
// own writes where the answer was lost.
package objectstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Errors of a [Store]. [errors.Is] finds them.
var (
	// ErrNotExist means that there is no such object.
	ErrNotExist = errors.New("there is no such object")
	// ErrConflict means that the condition of a write did not hold, so nothing was written. If the
	// request was sent twice, by the writer or by a proxy, the first one may have been: see [Put].
	ErrConflict = errors.New("the object was changed by another client")
	// ErrBusy means that the store refused the request for now, and nothing was written.
	ErrBusy = errors.New("the object store is busy")
	// ErrRefused means that the request cannot succeed until something changes, such as
	// the permissions, and nothing was written.
	ErrRefused = errors.New("the object store refused the request")
)

// MaxSize is the size of the largest object that a [Store] reads, in bytes. No lease and no lockfile
// is larger.
const MaxSize = 256 << 20

// Version identifies the content of an object. It is what S3 calls an ETag: objects with the same
// content may have the same version.
type Version string

// Condition says when an object may be written.
type Condition struct {
	// Match is the version that the object must have; empty if it must not exist.
	Match Version
}

// Object is an object as it was read.
type Object struct {
	Data    []byte
	Version Version
}

// Store keeps objects under keys, which are relative paths with slashes, such as "leases/a.json".
// Its methods may be called concurrently. They do not repeat requests: see [Get] and [Put]. Each
// request ends within a time that the store limits. Errors other than [ErrNotExist] and
// [ErrConflict] name the request and the object, such as "write s3://bucket/prefix/key: ...", so
// that callers need not.
type Store interface {
	// Get reads an object. The error is [ErrNotExist] if there is none.
	Get(ctx context.Context, key string) (Object, error)
	// Put writes an object if the condition holds, and returns its new version. The error is
	// [ErrConflict] if the condition did not hold, even if a version was expected and the object is
	// missing. After any error other than the errors above, the object may have been written.
	Put(ctx context.Context, key string, data []byte, c Condition) (Version, error)
	// Delete deletes objects, in one request where the store can do that. Missing objects are not
	// an error.
	Delete(ctx context.Context, keys ...string) error
	// String names the store for messages, such as "s3://bucket/prefix". With a slash and a key
	// it is the address of an object.
	String() string
}

// tries is how often a request is sent before its error is returned, with doubled pauses between.
const (
	tries      = 6
	firstPause = 250 * time.Millisecond
)

// Get reads an object, and reads it again after errors that may pass.
func Get(ctx context.Context, s Store, key string) (Object, error) {
	var o Object
	err := repeat(ctx, func() (err error) {
		o, err = s.Get(ctx, key)
		return err
	})
	return o, err
}

// Put writes an object if the condition holds, and sends the request again after errors that may
// pass.
//
// data must differ from everything else that any client writes under this key, because that is
// how Put recognises its own object: a conflict may be with Put's own write, where the answer to an
// earlier request was lost, said that the store was busy, or a proxy sent the request twice. So
// Put reads the object after each conflict, and returns [ErrConflict] only if the object differs.
// After any error other than the errors above, it is unknown whether the object was written.
func Put(ctx context.Context, s Store, key string, data []byte, c Condition) (Version, error) {
	var v Version
	unknown := false // whether an earlier request may have taken effect
	err := repeat(ctx, func() (err error) {
		v, err = s.Put(ctx, key, data, c)
		if errors.Is(err, ErrConflict) {
			v, err = find(ctx, s, key, data)
		}
		unknown = unknown || err != nil && !certain(err)
		return err
	})
	if err != nil && certain(err) && unknown && !errors.Is(err, ErrConflict) {
		// A refusal of the last request says nothing about the earlier ones.
		return "", fmt.Errorf("an earlier request may have taken effect: %w", unclassified{err})
	}
	return v, err
}

// find returns the version of the object if its content is data, and [ErrConflict] if it is not.
func find(ctx context.Context, s Store, key string, data []byte) (Version, error) {
	o, err := s.Get(ctx, key)
	switch {
	case errors.Is(err, ErrNotExist):
		return "", ErrConflict
	case err != nil:
		return "", unclassified{err} // the outcome is unknown
	case !bytes.Equal(o.Data, data):
		return "", ErrConflict
	}
	return o.Version, nil
}

// unclassified is an error that is not one of the errors of a [Store], whatever it wraps.
type unclassified struct{ err error }

func (u unclassified) Error() string { return u.err.Error() }

// certain reports whether err says that nothing was written.
func certain(err error) bool { return final(err) || errors.Is(err, ErrBusy) }

// final reports whether repeating a request is of no use.
func final(err error) bool {
	return errors.Is(err, ErrNotExist) || errors.Is(err, ErrConflict) || errors.Is(err, ErrRefused)
}

// repeat calls do until it succeeds, fails for good, or has failed too often.
func repeat(ctx context.Context, do func() error) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := do()
		switch {
		case err == nil, final(err), ctx.Err() != nil:
			return err
		case n == tries:
			return fmt.Errorf("after %d tries: %w", tries, err)
		}
		select {
		case <-ctx.Done():
			return err
		// Clients that were refused together do not come back together.
		case <-time.After(pause + rand.N(pause/4)):
		}
		pause *= 2
	}
}

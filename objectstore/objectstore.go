// Package objectstore is what a lease and a shared lockfile need of an object store: small
// objects that change only under a condition. Package [github.com/secretsync/secretsync/objectstore/s3]
// provides S3-compatible ones.
package objectstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of a [Store]. [errors.Is] finds them.
var (
	// ErrNotExist means that there is no such object.
	ErrNotExist = errors.New("there is no such object")
	// ErrConflict means that the condition of a write did not hold, so nothing was written. After a
	// repeated request, the object may be the writer's own: see [Put].
	ErrConflict = errors.New("the object was changed by another client")
	// ErrBusy means that the store refused the request for now, and nothing was written.
	ErrBusy = errors.New("the object store is busy")
	// ErrRefused means that the request cannot succeed until something changes, such as
	// the permissions, and nothing was written.
	ErrRefused = errors.New("the object store refused the request")
)

// Version identifies the content of an object. It is what S3 calls an ETag.
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

// Store keeps objects under keys. Its methods may be called concurrently. They do not repeat
// requests: see [Get] and [Put].
type Store interface {
	// Get reads an object. The error is [ErrNotExist] if there is none.
	Get(ctx context.Context, key string) (Object, error)
	// Put writes an object if the condition holds, and returns its new version. After an error
	// that is none of the errors above, the object may have been written nevertheless.
	Put(ctx context.Context, key string, data []byte, c Condition) (Version, error)
	// Delete deletes objects, in one request where the store can do that. It is no error if there
	// are none.
	Delete(ctx context.Context, keys ...string) error
	// String names the store for messages, such as "s3://bucket".
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

// Put writes an object if the condition holds. data must differ from what any other client
// writes under this key, because that is how the object is recognised where the answer to the
// request was lost: Put then reads it, and returns [ErrConflict] only if another client's write
// was the one that took effect.
func Put(ctx context.Context, s Store, key string, data []byte, c Condition) (Version, error) {
	var v Version
	sent := false // a request whose outcome is unknown
	err := repeat(ctx, func() (err error) {
		if sent {
			switch own, err := s.Get(ctx, key); {
			case err == nil && bytes.Equal(own.Data, data):
				v = own.Version
				return nil
			case err != nil && !errors.Is(err, ErrNotExist):
				return err
			}
		}
		v, err = s.Put(ctx, key, data, c)
		if err != nil && !errors.Is(err, ErrBusy) {
			sent = true
		}
		if sent && errors.Is(err, ErrConflict) {
			own, getErr := s.Get(ctx, key)
			if getErr == nil && bytes.Equal(own.Data, data) {
				v = own.Version
				return nil
			}
		}
		return err
	})
	return v, err
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
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// final reports whether repeating a request is of no use.
func final(err error) bool {
	return errors.Is(err, ErrNotExist) || errors.Is(err, ErrConflict) || errors.Is(err, ErrRefused)
}

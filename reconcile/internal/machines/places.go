// Package machines is for projects that several machines apply: it finds out where their lockfiles and
// leases are and which lockfile may replace which, and has clients that check the leases before each
// write.
package machines

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/objectstore"
)

// Places are where a project's lockfile and its leases are.
type Places struct {
	// Lock and LockKey are where the lockfile is, if that is an object store.
	Lock    manifest.Location
	LockKey string
	// Leases is where the leases are, if anywhere.
	Leases manifest.Location
}

// Locate decides where the lockfile and the leases are: where lockfile and lease say, or else where
// the manifest says. The leases of a lockfile in an object store are beside it.
func Locate(lockfile, lease string, m *manifest.Manifest) (Places, error) {
	lock, leases := manifest.Location{URL: lockfile}, manifest.Location{URL: lease}
	if lockfile == "" {
		lock = m.Lockfile
	}
	if leases.URL == "" {
		leases = m.Lease
	}
	places := Places{Leases: leases}
	if objectstore.IsURL(lock.URL) {
		folder, key := path.Split(lock.URL)
		if key == "" || strings.HasSuffix(folder, "://") {
			return Places{}, Located(lock, errors.New("the lockfile's URL names no object: want s3://BUCKET/PREFIX/NAME.lock"))
		}
		places.Lock, places.LockKey = manifest.Location{URL: strings.TrimSuffix(folder, "/"), Pos: lock.Pos}, key
		if leases.URL == "" {
			places.Leases = places.Lock
		}
	}
	return places, nil
}

// Located adds the position in the manifest to an error about a place, if it is from there.
func Located(at manifest.Location, err error) error {
	if err == nil || at.Pos.File == "" {
		return err
	}
	return fmt.Errorf("%s: %w", at.Pos, err)
}

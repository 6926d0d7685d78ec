package connect

import (
	"context"
	"fmt"
	"sync"

	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/s3"
)

// Objects returns what opens the buckets of leases and shared lockfiles, for Objects of a
// [reconcile.Config]. account is the id of the Cloudflare account of r2 URLs that name none; it
// may be empty.
//
// Endpoint, region and credentials come from the usual environment of AWS's tools: see [s3.Open].
// They are read when a bucket is first used, and each bucket is opened once.
func Objects(account string) func(ctx context.Context, url string) (objectstore.Store, error) {
	var mu sync.Mutex
	opened := map[string]objectstore.Store{}
	return func(ctx context.Context, url string) (objectstore.Store, error) {
		mu.Lock()
		defer mu.Unlock()
		if store := opened[url]; store != nil {
			return store, nil
		}
		place, err := objectstore.Parse(url)
		if err != nil {
			return nil, fmt.Errorf("the place in an object store: %w", err)
		}
		store, err := s3.Open(ctx, place, s3.Options{Account: account})
		if err != nil {
			return nil, err
		}
		opened[url] = store
		return store, nil
	}
}

package leasetest

import (
	"context"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	Test(t, func(*testing.T) objectstore.Store { return &objectstoretest.Memory{} })
}

// A store that fools the probe, and ignores the conditions of all other writes, fails the scenario
// that exists because of it.
func TestCarelessStore(t *testing.T) {
	t.Parallel()
	err := takeOver(0)(t.Context(), &careless{})
	if err == nil || !strings.Contains(err.Error(), "8 of 8 runs took the lease over, want 1") {
		t.Errorf("error %v", err)
	}
}

type careless struct{ objectstoretest.Memory }

func (c *careless) Put(ctx context.Context, key string, data []byte, cond objectstore.Condition) (objectstore.Version, error) {
	if key != objectstore.ProbeKey {
		if o, err := c.Get(ctx, key); err == nil {
			cond.Match = o.Version
		}
	}
	return c.Memory.Put(ctx, key, data, cond)
}

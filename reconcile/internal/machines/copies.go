package machines

import (
	"fmt"

	"github.com/secretsync/secretsync/lockfile"
)

// WhyKept says why the lockfile to must not be replaced by the lockfile from, as a clause about to. It
// is empty if to may be replaced.
func WhyKept(from, to *lockfile.File) string {
	switch {
	case IsEmpty(to):
		return ""
	case to.Shared.Lineage == "" || to.Shared.Lineage != from.Shared.Lineage:
		return "the target already has records, which may belong to another project"
	case to.Shared.Generation > from.Shared.Generation:
		return fmt.Sprintf("the target is newer: it is generation %d, and the other one is generation %d", to.Shared.Generation, from.Shared.Generation)
	}
	return ""
}

// IsEmpty reports whether a lockfile has nothing that could be lost.
func IsEmpty(f *lockfile.File) bool { return len(f.Stores) == 0 && f.Key.ID == "" }

// Secrets is how many secrets a lockfile records.
func Secrets(f *lockfile.File) (n int) {
	for _, st := range f.All() {
		n += len(st.Secrets)
	}
	return n
}

// HasStoresOf reports whether f has all stores of other.
func HasStoresOf(f, other *lockfile.File) bool {
	for k := range other.Stores {
		if f.Stores[k] == nil {
			return false
		}
	}
	return true
}

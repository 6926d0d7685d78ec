package deployed

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

// managedRegistry is the kind of Cloudflare's own registry, whose credentials are not in a store.
const managedRegistry = "default"

// registry is one that containers pull images from.
type registry struct {
	Domain, Kind string
	// PublicKey is the public part of its credentials; empty if it needs none.
	PublicKey string `json:"public_key"`
	// Credential refers to the secret that is the other part. It may be a text, which is not a
	// reference and may be secret (docs/cloudflare-api.md §14).
	Credential json.RawMessage `json:"private_credential"`
}

// use returns how the registry refers to a secret, or nil if it uses none. known is false if it
// uses a secret that the answer does not name.
func (g registry) use() (use *outside.Use, known bool) {
	if len(g.Credential) == 0 || string(g.Credential) == "null" {
		external := g.Kind != "" && g.Kind != managedRegistry
		return nil, !external || g.PublicKey == ""
	}
	var ref struct {
		StoreID string `json:"store_id"`
		Name    string `json:"secret_name"`
	}
	if json.Unmarshal(g.Credential, &ref) != nil || ref.StoreID == "" || ref.Name == "" {
		return nil, false
	}
	return &outside.Use{Store: planner.StoreID(ref.StoreID), Secret: ref.Name}, true
}

// registries reads which secrets are credentials of the registries that containers pull from.
func (r *reading) registries() {
	registries, err := list[registry](r, "listing the container registries", containersPermission, "containers", "registries")
	if err != nil && !errors.Is(err, applier.ErrNotFound) { // an account without containers may have no such list
		r.fail(err)
	}
	for _, g := range registries {
		found := outside.Reader{Kind: planner.ReaderRegistry, Name: g.Domain}
		use, known := g.use()
		if !known {
			r.fail(fmt.Errorf("container registry %.64q: Cloudflare does not say which secret it uses", g.Domain))
		}
		if use != nil {
			found.Uses = append(found.Uses, *use)
		}
		r.add(found)
	}
}

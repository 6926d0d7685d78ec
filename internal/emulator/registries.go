package emulator

import (
	"net/http"
	"slices"

	"github.com/secretsync/secretsync/internal/emulator/internal/deployed"
)

// errRegistryExists is a guess, except for its status (docs/cloudflare-api.md §14).
var errRegistryExists = apiError{http.StatusConflict, 1000, "The image registry already exists in the account"}

// listRegistries lists all registries that containers pull images from in one page, as Cloudflare does.
func listRegistries(c *call) (any, error) {
	return append([]deployed.Registry{}, c.account.Deployed.Registries...), nil
}

// newRegistry is the request body that configures a registry. The private part of its credentials
// has to be a secret of a store.
type newRegistry struct {
	Domain string `json:"domain"`
	Kind   string `json:"kind"`
	Public bool   `json:"is_public"`
	Auth   *struct {
		Public  string              `json:"public_credential"`
		Private *deployed.SecretRef `json:"private_credential"`
	} `json:"auth"`
}

func createRegistry(c *call) (any, error) {
	body, err := decode[newRegistry](c.Body)
	switch {
	case err != nil, body.Domain == "", body.Public == (body.Auth != nil):
		return nil, errInvalidBody
	case c.account.Deployed.Registry(body.Domain):
		return nil, errRegistryExists
	}
	created := deployed.Registry{Domain: body.Domain, Kind: body.Kind}
	if auth := body.Auth; auth != nil {
		if auth.Public == "" || auth.Private == nil {
			return nil, errInvalidBody
		}
		switch secret, _ := c.account.Secret(auth.Private.StoreID, auth.Private.SecretName); {
		case secret == nil:
			return nil, errSecretNotFound
		case !slices.Contains(secret.Scopes, "containers"):
			return nil, errScopeInvalid
		}
		created.PublicKey, created.Credential = auth.Public, auth.Private
	}
	created.Created = stamp(c.tick())
	c.account.Deployed.Registries = append(c.account.Deployed.Registries, created)
	return created, nil
}

package sopsfile

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/keys"
	"github.com/getsops/sops/v3/keyservice"
)

// order has the keys tried first that ask no server: SOPS's library takes the
// file's order, in which probing for a cloud costs seconds (docs/sops.md §3).
var order = []string{"age", "pgp"}

// errRefused is for SOPS alone.
var errRefused = errors.New("key type not allowed")

// gate lets SOPS use the keys of allowed types, and nothing be contacted for others.
type gate struct {
	keyservice.Server
	allowed []string
}

// Decrypt implements keyservice.KeyServiceServer.
func (g gate) Decrypt(ctx context.Context, r *keyservice.DecryptRequest) (*keyservice.DecryptResponse, error) {
	if !slices.Contains(g.allowed, typeOf(r.GetKey())) {
		return nil, errRefused
	}
	return g.Server.Decrypt(ctx, r)
}

// Encrypt implements keyservice.KeyServiceServer.
func (g gate) Encrypt(ctx context.Context, r *keyservice.EncryptRequest) (*keyservice.EncryptResponse, error) {
	if !slices.Contains(g.allowed, typeOf(r.GetKey())) {
		return nil, errRefused
	}
	return g.Server.Encrypt(ctx, r)
}

// typeOf names a key's type; one that is not known here is never allowed.
func typeOf(k *keyservice.Key) string {
	switch k.GetKeyType().(type) {
	case *keyservice.Key_AgeKey:
		return "age"
	case *keyservice.Key_PgpKey:
		return "pgp"
	case *keyservice.Key_KmsKey:
		return "kms"
	case *keyservice.Key_GcpKmsKey:
		return "gcp_kms"
	case *keyservice.Key_AzureKeyvaultKey:
		return "azure_kv"
	case *keyservice.Key_VaultKey:
		return "hc_vault"
	case *keyservice.Key_HckmsKey:
		return "hckms"
	}
	return ""
}

func (o *Opener) services() []keyservice.KeyServiceClient {
	return []keyservice.KeyServiceClient{keyservice.NewCustomLocalClient(gate{allowed: o.allowed})}
}

func (o *Opener) dataKey(tree *sops.Tree) ([]byte, error) {
	return tree.Metadata.GetDataKeyWithKeyServices(o.services(), order)
}

// refused are the types in the groups that are not allowed.
func (o *Opener) refused(groups []sops.KeyGroup) (types []string) {
	for _, k := range slices.Concat(groups...) {
		if t := k.TypeToIdentifier(); !slices.Contains(o.allowed, t) && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types
}

// noKey says whom the file is encrypted for and where keys were looked for. Both
// are public.
func (f *File) noKey() error {
	groups := f.tree.Metadata.KeyGroups
	refused := f.opener.refused(groups)
	var usable []string
	for _, k := range slices.Concat(groups...) {
		if !slices.Contains(refused, k.TypeToIdentifier()) {
			usable = append(usable, recipient(k))
		}
	}
	if len(usable) == 0 {
		return f.failTypes(KeyTypeRefused, refused, "", "is encrypted only for key types that are not allowed: %s", strings.Join(refused, ", "))
	}
	const most = 5
	if more := len(usable) - most; more > 0 {
		usable = append(usable[:most], "and others")
	}
	hint := "keys are looked for in SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD, SOPS_AGE_SSH_PRIVATE_KEY_FILE, " +
		"sops/age/keys.txt in your configuration folder, ~/.ssh and gpg; run `age-keygen -y KEYFILE` and compare"
	return f.failTypes(NoKey, refused, hint, "no available key can decrypt it; it is encrypted for %s", strings.Join(usable, ", "))
}

// recipient is a key's type and public name, cut where it is as long as
// post-quantum ones are.
func recipient(k keys.MasterKey) string {
	const most = 100
	name := strings.ToValidUTF8(k.ToString(), "?")
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return k.TypeToIdentifier() + " " + shown([]string{name})
}

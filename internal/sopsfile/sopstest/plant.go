package sopstest

import (
	"fmt"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/azkv"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/gcpkms"
	"github.com/getsops/sops/v3/hckms"
	"github.com/getsops/sops/v3/hcvault"
	"github.com/getsops/sops/v3/keys"
	"github.com/getsops/sops/v3/kms"
)

// Plant puts keys of other types into a SOPS file, as a hostile pull request would,
// before the file's own keys. If a type's metadata has an address, it is url. With alone,
// the planted keys are the only ones.
func Plant(name string, data []byte, url string, alone bool, types ...string) ([]byte, error) {
	store := common.DefaultStoreForPath(config.NewStoresConfig(), name)
	tree, err := store.LoadEncryptedFile(data)
	if err != nil {
		return nil, err
	}
	var group sops.KeyGroup
	for _, t := range types {
		k, err := plantedKey(t, url)
		if err != nil {
			return nil, err
		}
		group = append(group, k)
	}
	if !alone {
		group = append(group, tree.Metadata.KeyGroups[0]...)
	}
	tree.Metadata.KeyGroups[0] = group
	return store.EmitEncryptedFile(tree)
}

func plantedKey(keyType, url string) (keys.MasterKey, error) {
	switch keyType {
	case "hc_vault":
		k := hcvault.NewMasterKey(url, "transit", "k")
		k.EncryptedKey = "vault:v1:AAAA"
		return k, nil
	case "kms":
		k := kms.NewMasterKey("arn:aws:kms:us-east-1:123456789012:key/k", "", nil)
		k.EncryptedKey = "AAAA"
		return k, nil
	case "gcp_kms":
		k := gcpkms.NewMasterKeyFromResourceID("projects/p/locations/global/keyRings/r/cryptoKeys/k")
		k.EncryptedKey = "AAAA"
		return k, nil
	case "azure_kv":
		k := azkv.NewMasterKey(url, "k", "v")
		k.EncryptedKey = "AAAA"
		return k, nil
	case "hckms":
		k, err := hckms.NewMasterKey("eu-west-101:12345678-1234-1234-1234-123456789012")
		if err == nil {
			k.EncryptedKey = "AAAA"
		}
		return k, err
	}
	return nil, fmt.Errorf("no key type %q", keyType)
}

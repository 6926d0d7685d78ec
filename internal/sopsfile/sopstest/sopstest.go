// Package sopstest creates SOPS files and age keys for tests, in process, as
// `sops encrypt` does.
package sopstest

import (
	"errors"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/version"
)

// Encrypt encrypts a file for age recipients. Its format goes by its name. With a
// regex, only what lies below matching keys is encrypted.
func Encrypt(name string, plain []byte, encryptedRegex string, recipients ...string) ([]byte, error) {
	store := common.DefaultStoreForPath(config.NewStoresConfig(), name)
	branches, err := store.LoadPlainFile(plain)
	if err != nil {
		return nil, err
	}
	keys, err := age.MasterKeysFromRecipients(strings.Join(recipients, ","))
	if err != nil {
		return nil, err
	}
	var group sops.KeyGroup
	for _, k := range keys {
		group = append(group, k)
	}
	tree := sops.Tree{Branches: branches, FilePath: name, Metadata: sops.Metadata{
		KeyGroups: []sops.KeyGroup{group}, EncryptedRegex: encryptedRegex, Version: version.Version,
	}}
	if encryptedRegex == "" {
		tree.Metadata.UnencryptedSuffix = sops.DefaultUnencryptedSuffix
	}
	dataKey, errs := tree.GenerateDataKeyWithKeyServices([]keyservice.KeyServiceClient{keyservice.NewLocalClient()})
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if err := common.EncryptTree(common.EncryptTreeOpts{DataKey: dataKey, Tree: &tree, Cipher: aes.NewCipher()}); err != nil {
		return nil, err
	}
	return store.EmitEncryptedFile(tree)
}

package sopstest

import (
	"errors"
	"fmt"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
)

// sealedFile is an encrypted file that an age identity opens.
type sealedFile struct {
	store   common.Store
	tree    sops.Tree
	dataKey []byte
}

func open(name string, data []byte, identity string) (*sealedFile, error) {
	f := &sealedFile{store: common.DefaultStoreForPath(config.NewStoresConfig(), name)}
	var err error
	if f.tree, err = f.store.LoadEncryptedFile(data); err != nil {
		return nil, err
	}
	var ids age.ParsedIdentities
	if err := ids.Import(identity); err != nil {
		return nil, err
	}
	key, ok := f.tree.Metadata.KeyGroups[0][0].(*age.MasterKey)
	if !ok {
		return nil, errors.New("its first key is not an age key")
	}
	ids.ApplyToMasterKey(key)
	f.dataKey, err = key.Decrypt()
	return f, err
}

// Set changes a value as `sops set` does: the ciphertexts of all others stay.
func Set(name string, data []byte, identity, key, value string) ([]byte, error) {
	f, err := open(name, data, identity)
	if err != nil {
		return nil, err
	}
	cipher := aes.NewCipher() // which remembers what it decrypted
	if _, err := f.tree.Decrypt(f.dataKey, cipher); err != nil {
		return nil, err
	}
	branch, changed := f.tree.Branches[0].Set([]interface{}{key}, value)
	if !changed {
		return nil, fmt.Errorf("%s has that value already", key)
	}
	f.tree.Branches[0] = branch
	return f.encrypt(cipher)
}

// Rotate encrypts everything again under a new data key, as `sops rotate` does.
func Rotate(name string, data []byte, identity string) ([]byte, error) {
	f, err := open(name, data, identity)
	if err != nil {
		return nil, err
	}
	if _, err := f.tree.Decrypt(f.dataKey, aes.NewCipher()); err != nil {
		return nil, err
	}
	var errs []error
	if f.dataKey, errs = f.tree.GenerateDataKeyWithKeyServices([]keyservice.KeyServiceClient{keyservice.NewLocalClient()}); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return f.encrypt(aes.NewCipher())
}

// AddRecipient encrypts the data key for one more recipient, as `sops updatekeys` does.
func AddRecipient(name string, data []byte, identity, recipient string) ([]byte, error) {
	f, err := open(name, data, identity)
	if err != nil {
		return nil, err
	}
	key, err := age.MasterKeyFromRecipient(recipient)
	if err != nil {
		return nil, err
	}
	m := &f.tree.Metadata
	m.KeyGroups[0] = append(m.KeyGroups[0], key)
	if errs := m.UpdateMasterKeysWithKeyServices(f.dataKey, []keyservice.KeyServiceClient{keyservice.NewLocalClient()}); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return f.store.EmitEncryptedFile(f.tree)
}

func (f *sealedFile) encrypt(cipher sops.Cipher) ([]byte, error) {
	if err := common.EncryptTree(common.EncryptTreeOpts{DataKey: f.dataKey, Tree: &f.tree, Cipher: cipher}); err != nil {
		return nil, err
	}
	return f.store.EmitEncryptedFile(f.tree)
}

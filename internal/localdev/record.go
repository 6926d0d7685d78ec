package localdev

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/atomicfile"
)

// recordFile, in the root of a Place, lists the secrets that Put has stored there, without
// their values. With it, Clear finds secrets that no configuration binds any more.
const recordFile = "secretsync-dev.json"

type recorded struct {
	StoreID string `json:"store_id"`
	Name    string `json:"name"`
}

// Record is the file that lists what Put has stored.
func (p Place) Record() string { return filepath.Join(p.Root(), recordFile) }

// Recorded lists what Put has stored, without values.
func Recorded(p Place) ([]Secret, error) {
	data, err := os.ReadFile(p.Record())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []recorded
	if json.Unmarshal(data, &list) != nil {
		return nil, fmt.Errorf("%s: %w", p.Record(), ErrDamaged)
	}
	var secrets []Secret
	for _, r := range list {
		secrets = append(secrets, Secret{StoreID: r.StoreID, Name: r.Name})
	}
	return secrets, nil
}

// record replaces the record, and removes the file if the list is empty.
func record(p Place, secrets []Secret) error {
	list := []recorded{}
	for _, s := range secrets {
		if r := (recorded{s.StoreID, s.Name}); !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		if err := os.Remove(p.Record()); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.Root(), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(p.Record(), append(data, '\n'), 0o644)
}

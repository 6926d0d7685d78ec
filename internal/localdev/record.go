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

// recordFile, below Folder, says which secrets Put has put there, and nothing of their
// values: so Clear finds them when no configuration binds them any more.
const recordFile = "secretsync-dev.json"

type recorded struct {
	StoreID string `json:"store_id"`
	Name    string `json:"name"`
}

func recordPath(dir string) string { return filepath.Join(dir, Folder, recordFile) }

// Recorded lists what Put has put there, without values.
func Recorded(dir string) ([]Secret, error) {
	data, err := os.ReadFile(recordPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var list []recorded
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", recordPath(dir), err)
	}
	var secrets []Secret
	for _, r := range list {
		secrets = append(secrets, Secret{StoreID: r.StoreID, Name: r.Name})
	}
	return secrets, nil
}

// record replaces the record; with nothing in it, it goes.
func record(dir string, secrets []Secret) error {
	list := []recorded{}
	for _, s := range secrets {
		if r := (recorded{s.StoreID, s.Name}); !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		if err := os.Remove(recordPath(dir)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, Folder), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(recordPath(dir), append(data, '\n'), 0o644)
}

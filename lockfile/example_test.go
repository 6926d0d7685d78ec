package lockfile_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/secretsync/secretsync/lockfile"
)

const content = `{
  "version": 1,
  "stores": [
    {
      "account_id": "0123456789abcdef0123456789abcdef",
      "id": "11111111111111111111111111111111",
      "name": "prod",
      "secrets": {
        "session-key": {
          "delete": true,
          "pending": {
            "op": "create",
            "since": "2026-10-02T08:30:00Z"
          }
        },
        "stripe-key": {
          "id": "33333333333333333333333333333333",
          "scopes": [
            "workers"
          ],
          "modified": "2026-10-01T12:00:00.123456Z",
          "applied": "2026-10-01T12:00:00Z",
          "source": "env STRIPE_KEY",
          "delete": true
        }
      }
    }
  ]
}
`

// Read a lockfile and list its secrets. The creation of one of them was interrupted.
func Example() {
	dir, err := os.MkdirTemp("", "lockfile")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := lockfile.PathFor(filepath.Join(dir, "secretsync.yaml"))
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		log.Fatal(err)
	}

	f, err := lockfile.Read(path)
	if err != nil {
		log.Fatal(err)
	}
	for key, store := range f.All() {
		for name, secret := range store.All() {
			if p := secret.Pending; p != nil {
				fmt.Printf("%s/%s: %s pending since %s\n", key.Name, name, p.Op, p.Since.Format(time.RFC3339))
				continue
			}
			fmt.Printf("%s/%s: from %s, applied %s\n", key.Name, name, secret.Source, secret.Applied.Format(time.RFC3339))
		}
	}
	// Output:
	// prod/session-key: create pending since 2026-10-02T08:30:00Z
	// prod/stripe-key: from env STRIPE_KEY, applied 2026-10-01T12:00:00Z
}

// Record an intent before a request is sent, and the outcome afterwards. After a crash in
// between, the intent is still in the file.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "lockfile")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "secretsync.lock")

	handle, err := lockfile.Open(context.Background(), path, time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	defer handle.Close()
	prod := lockfile.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "prod"}
	sent := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	err = handle.Update(func(f *lockfile.File) {
		store := f.PutStore(prod, "11111111111111111111111111111111")
		store.PutSecret("stripe-key", lockfile.Secret{Pending: &lockfile.Pending{Op: "create", Since: sent}})
	})
	if err != nil {
		log.Fatal(err)
	}

	// Send the request here. While the lock is held, others can read, but not open.
	_, err = lockfile.Open(context.Background(), path, 0)
	var held *lockfile.HeldError
	fmt.Println("held by this process:", errors.As(err, &held) && held.Holder.PID == os.Getpid())

	err = handle.Update(func(f *lockfile.File) {
		secret := f.Stores[prod].Secret("stripe-key")
		secret.ID, secret.Applied, secret.Pending = "33333333333333333333333333333333", sent, nil
	})
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(text))
	// Output:
	// held by this process: true
	// {
	//   "version": 1,
	//   "stores": [
	//     {
	//       "account_id": "0123456789abcdef0123456789abcdef",
	//       "id": "11111111111111111111111111111111",
	//       "name": "prod",
	//       "secrets": {
	//         "stripe-key": {
	//           "id": "33333333333333333333333333333333",
	//           "applied": "2026-10-01T12:00:00Z",
	//           "delete": false
	//         }
	//       }
	//     }
	//   ]
	// }
}

// Every mistake has a position and a hint. Some have a kind that programs can test for.
func ExampleParse() {
	for _, text := range []string{
		`{"version": 1, "stores": [{"name": "prod", "secrets": {"a": {"value": "x", "delete": "no"}}}]}`,
		`{"version": 1, "sto`,
	} {
		_, err := lockfile.Parse("secretsync.lock", []byte(text))
		var mistakes lockfile.ErrorList
		if errors.As(err, &mistakes) {
			for _, m := range mistakes {
				fmt.Printf("line %d, column %d: %s\n", m.Pos.Line, m.Pos.Column, m.What)
			}
		}
		fmt.Println("lost:", errors.Is(err, lockfile.ErrLost))
	}
	// Output:
	// line 1, column 27: "account_id" is missing
	// line 1, column 62: unknown field "value"
	// line 1, column 86: expected true or false
	// lost: false
	// line 1, column 20: the lockfile is truncated
	// lost: true
}

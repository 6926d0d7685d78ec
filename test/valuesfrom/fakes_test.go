package valuesfrom

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// fake is a secret manager's program, as far as a recipe uses it.
type fake struct {
	// args are the arguments that read each secret, which is a file of the folder FAKE_VALUES.
	args map[string][]string
	// newline says that the program ends the value with a newline.
	newline bool
	// signedOut is its message on standard error without a session, with its exit code.
	signedOut string
	code      int
	// binary is its output for a value that is not text; nil for the unchanged bytes.
	binary []byte
}

// fakes answer as the real programs do: op 2, vault 1.19 (command/util.go), aws 2 (its return codes
// are documented), gcloud 496 (its format of a secret has no terminator), doppler 3
// (printer.Secrets) and kubectl.
var fakes = map[string]fake{
	"op": {
		args: map[string][]string{"stripe-key": {"read", "op://Production/Stripe/secret key"}}, newline: true,
		signedOut: "[ERROR] 2026/11/27 12:00:00 you are not currently signed in. Please run `op signin --help` for instructions", code: 1,
	},
	"vault": {
		args: map[string][]string{"stripe-key": {"kv", "get", "-mount=secret", "-field=key", "shop/stripe"}},
		signedOut: "Error making API request.\n\nURL: GET https://127.0.0.1:8200/v1/sys/internal/ui/mounts/secret\n" +
			"Code: 403. Errors:\n\n* permission denied\n* invalid token", code: 2,
	},
	"aws": {
		args:    map[string][]string{"stripe-key": {"secretsmanager", "get-secret-value", "--secret-id", "shop/stripe", "--query", "SecretString", "--output", "text"}},
		newline: true, binary: []byte("None"),
		signedOut: "The SSO session associated with this profile has expired or is otherwise invalid. " +
			"To refresh this SSO session run aws sso login with the corresponding profile.", code: 255,
	},
	"gcloud": {
		args: map[string][]string{"stripe-key": {"secrets", "versions", "access", "latest", "--secret=stripe", "--project=shop"}},
		signedOut: "ERROR: (gcloud.secrets.versions.access) You do not currently have an active account selected.\n" +
			"Please run:\n\n  $ gcloud auth login\n\nto obtain new credentials.", code: 1,
	},
	"doppler": {
		args: map[string][]string{"stripe-key": {"secrets", "get", "STRIPE_KEY", "--plain", "--project", "shop", "--config", "prd"}}, newline: true,
		signedOut: "Doppler Error: you must provide a token", code: 1,
	},
	"kubectl": {
		args: map[string][]string{
			"stripe-key": {"get", "secret", "stripe", "--namespace=shop", "--output=go-template={{.data.key | base64decode}}"},
			"tls-key":    {"get", "secret", "tls", "--namespace=shop", `--output=go-template={{index .data "tls.key" | base64decode}}`},
		},
		signedOut: "error: You must be logged in to the server (Unauthorized)", code: 1,
	},
}

// invocation is a line of the folder's log.
type invocation struct {
	Program, Dir string
	Args         []string
	// Unwanted are the variables of secretsync's own that the program got.
	Unwanted []string
}

// run is the program of that name.
func (f fake) run(name string) int {
	folder, args := os.Getenv("FAKE_VALUES"), os.Args[1:]
	note(folder, invocation{Program: name, Args: args})
	if _, err := os.Stat(filepath.Join(folder, "session")); err != nil {
		fmt.Fprintln(os.Stderr, f.signedOut, canary)
		return f.code
	}
	for secret, want := range f.args {
		if !slices.Equal(args, want) {
			continue
		}
		value, err := os.ReadFile(filepath.Join(folder, secret))
		if err != nil {
			break
		}
		if _, err := os.Stat(filepath.Join(folder, "binary")); err == nil && f.binary != nil {
			value = f.binary
		}
		if f.newline {
			value = append(value, '\n')
		}
		_, _ = os.Stdout.Write(value)
		return 0
	}
	fmt.Fprintf(os.Stderr, "%s: no secret is read by %q\n", name, args)
	return 3
}

// note appends to the folder's log, with what a program should not have got.
func note(folder string, in invocation) {
	in.Dir, _ = os.Getwd()
	for _, name := range []string{"CLOUDFLARE_API_TOKEN", "SECRETSYNC_FINGERPRINT_KEY", "SOPS_AGE_KEY"} {
		if _, ok := os.LookupEnv(name); ok {
			in.Unwanted = append(in.Unwanted, name)
		}
	}
	log, err := os.OpenFile(filepath.Join(folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer log.Close()
	if err := json.NewEncoder(log).Encode(in); err != nil {
		panic(err)
	}
}

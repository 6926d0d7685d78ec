//go:build e2es3

package shared

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/secretsync/secretsync/test/program"
	"github.com/secretsync/secretsync/test/s3test"
)

// users of the server, with their secret keys.
var users = map[string]string{
	"applier": "secret-of-applier", "planner": "secret-of-planner", "keeper": "secret-of-keeper",
	"r2-writer": "secret-of-r2-writer", "r2-reader": "secret-of-r2-reader",
}

// TestPolicies runs commands under the page's policies on a server that enforces them.
func TestPolicies(t *testing.T) {
	p := newPlace(t)
	p.versitygw()
	p.Write("shop/secretsync.yaml", strings.Replace(named(t, "shop/secretsync.yaml"), "r2://secretsync-state", "s3://team-state", 1)+"\n")

	p.as("planner")
	p.prints("shop", 0, "secretsync plan", "1 to create")
	p.emulator.ResetRequests()
	p.prints("shop", 1, "secretsync apply --auto-approve", "the credentials may not write")
	p.wroteNothing()

	p.as("applier")
	p.prints("shop", 0, "secretsync apply --auto-approve", "1 created.")
	p.prints("shop", 0, "secretsync plan", "No changes")
	p.prints("shop", 0, "secretsync drift", "No drift")
	p.hold()
	p.kill()
	p.as("planner")
	p.prints("shop", 0, "secretsync plan", "the last apply was interrupted")
	p.prints("shop", 2, "secretsync drift", "the last apply was interrupted")
	p.prints("shop", 0, "secretsync lock status", ": held by ")
	p.prints("shop", 1, "secretsync lock break --auto-approve", "the credentials may not write")
	p.as("applier")
	p.prints("shop", 0, "secretsync lock break --auto-approve", "Done.")
	p.prints("shop", 0, "secretsync apply --auto-approve", "Applied: 1 created.")
	p.prints("shop", 0, "secretsync lock pull s3://team-state/team/shop.lock", "Copied")
	p.prints("shop", 0, "secretsync lock push s3://team-state/team/shop.lock --lockfile secretsync.lock", "Copied")

	// Only the prefix is open.
	p.Write("billing/secretsync.yaml", strings.Replace(named(t, "billing/secretsync.yaml"), "r2://secretsync-state/team", "s3://team-state/other", 1)+"\n")
	p.emulator.ResetRequests()
	p.prints("billing", 1, "secretsync apply --auto-approve", "the credentials may not ")
	p.wroteNothing()

	// Without the permission to delete, everything is done, and the journal stays.
	p.as("keeper")
	p.Env["STRIPE_KEY"] = "a value of stripe that is new"
	p.prints("shop", 0, "secretsync apply --auto-approve", "Applied: 1 updated.")
	if !p.emulator.HasValue(program.Account, "default_secrets_store", "shop-stripe-key", []byte(p.Env["STRIPE_KEY"])) {
		t.Error("the value was not applied")
	}
	p.prints("shop", 0, "secretsync plan", "No changes")

	// The types of R2's tokens are for the whole bucket: here the other prefix.
	p.as("r2-reader")
	p.prints("billing", 0, "secretsync plan", "1 to create")
	p.emulator.ResetRequests()
	p.prints("billing", 1, "secretsync apply --auto-approve", "the credentials may not write")
	p.wroteNothing()
	p.as("r2-writer")
	p.prints("billing", 0, "secretsync apply --auto-approve", "1 created.")
	p.prints("billing", 0, "secretsync drift", "No drift")
	p.prints("billing", 0, "secretsync lock status", "free; last held by ")
	p.as("r2-reader")
	p.prints("billing", 0, "secretsync plan", "No changes")
}

// prints runs a command, and fails the test unless it exits with code and its output contains text.
func (p *place) prints(folder string, code int, command, text string) {
	p.T.Helper()
	got, out := p.Bash(folder, command)
	if got != code || !strings.Contains(out, text) {
		p.T.Errorf("as %s: $ %s\nexit code %d, want %d and %q\n%s", p.Env["AWS_ACCESS_KEY_ID"], command, got, code, text, out)
	}
}

// wroteNothing fails the test if the account got a request that can change something.
func (p *place) wroteNothing() {
	p.T.Helper()
	for _, r := range p.emulator.Requests() {
		if r.Method != http.MethodGet {
			p.T.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
}

// as sets whose credentials the commands use.
func (p *place) as(user string) {
	p.Env["AWS_ACCESS_KEY_ID"], p.Env["AWS_SECRET_ACCESS_KEY"] = user, users[user]
}

// versitygw starts the server with a bucket and the page's policies.
func (p *place) versitygw() {
	t := p.T
	t.Helper()
	iam := t.TempDir()
	writeUsers(t, filepath.Join(iam, "users.json"))
	url := s3test.Versitygw(t, "team-state", "root-id", "root-secret", "--iam-dir", iam)
	p.Env["AWS_ENDPOINT_URL_S3"] = url
	client := s3.New(s3.Options{
		BaseEndpoint: awssdk.String(url), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("root-id", "root-secret", ""),
	})
	_, err := client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{
		Bucket: awssdk.String("team-state"), Policy: awssdk.String(bucketPolicy(t)),
	})
	program.Must(t, err)
}

// writeUsers writes the server's list of users.
func writeUsers(t *testing.T, file string) {
	t.Helper()
	accounts := map[string]map[string]any{}
	for name, secret := range users {
		accounts[name] = map[string]any{"access": name, "secret": secret, "role": "user"}
	}
	data, err := json.Marshal(map[string]any{"accessAccounts": accounts})
	program.Must(t, err)
	program.Must(t, os.WriteFile(file, data, 0o600))
}

// bucketPolicy is the page's policies as one policy of the bucket, which names who each is for.
func bucketPolicy(t *testing.T) string {
	t.Helper()
	var all []map[string]any
	add := func(block, user, but string) {
		var policy struct {
			Version   string
			Statement []map[string]any
		}
		program.Must(t, json.Unmarshal([]byte(named(t, block)), &policy))
		for _, s := range policy.Statement {
			s = maps.Clone(s)
			s["Principal"] = map[string]string{"AWS": user}
			if actions, ok := s["Action"].([]any); ok {
				var kept []any
				for _, a := range actions {
					if a != but {
						kept = append(kept, a)
					}
				}
				s["Action"] = kept
			}
			all = append(all, s)
		}
	}
	add("apply-policy.json", "applier", "")
	add("plan-policy.json", "planner", "")
	add("apply-policy.json", "keeper", "s3:DeleteObject")
	// "Object Read & Write" and "Object Read only", as R2 describes them: read, write and list objects, and
	// read and list objects, in a bucket.
	for user, actions := range map[string][]string{
		"r2-writer": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}, "r2-reader": {"s3:GetObject"},
	} {
		principal := map[string]string{"AWS": user}
		all = append(all,
			map[string]any{"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "arn:aws:s3:::team-state/*"},
			map[string]any{"Effect": "Allow", "Principal": principal, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::team-state"})
	}
	data, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	program.Must(t, err)
	return string(data)
}

package keygate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"

	"filippo.io/age/agessh"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/google/shlex"
	"github.com/secretsync/secretsync/internal/subprocess"
)

// maxIdentities limits what a command that writes age identities may write, in bytes.
const maxIdentities = 1 << 20

// identityCommand is a variable with such a command, and how SOPS reads what the command writes.
type identityCommand struct {
	variable string
	parse    func(out []byte) (sopsage.ParsedIdentities, error)
}

// identityCommands are in the order in which they are run.
var identityCommands = []identityCommand{
	{sopsage.SopsAgeKeyCmdEnv, func(out []byte) (ids sopsage.ParsedIdentities, err error) {
		err = ids.Import(string(out))
		return ids, err
	}},
	{sopsage.SopsAgeSshPrivateKeyCmdEnv, func(out []byte) (sopsage.ParsedIdentities, error) {
		id, err := agessh.ParseIdentity(out)
		return sopsage.ParsedIdentities{id}, err
	}},
}

// identities keeps what commands wrote, so that a command does not run for each file. A command may
// write other identities for another recipient, which its environment names.
type identities struct {
	mu  sync.Mutex
	ran map[identityRun]ranIdentities
}

// identityRun is a run of a command line for a recipient.
type identityRun struct{ variable, line, recipient string }

// ranIdentities is what came of a run.
type ranIdentities struct {
	list   sopsage.ParsedIdentities
	digest [sha256.Size]byte // of what the command wrote
	err    error
}

// decryptAge decrypts a data key. SOPS runs the commands in the environment without limits, so
// they are run here first. If what they write does not decrypt it, SOPS looks everywhere, and
// runs them again.
func (s service) decryptAge(ctx context.Context, r *keyservice.DecryptRequest) ([]byte, error) {
	for _, c := range identityCommands {
		plain, err := s.gate.written.decrypt(ctx, c, r.GetKey().GetAgeKey().GetRecipient(), string(r.GetCiphertext()))
		if err != nil || plain != nil {
			return plain, err
		}
	}
	answer, err := s.Server.Decrypt(ctx, r)
	return answer.GetPlaintext(), err
}

// decrypt decrypts a data key with identities that a command wrote earlier, for any recipient, or
// else with those that it writes for this recipient. It returns nil if none of them decrypts the key.
func (s *identities) decrypt(ctx context.Context, c identityCommand, recipient, encrypted string) ([]byte, error) {
	run := identityRun{variable: c.variable, recipient: recipient}
	run.line, _ = os.LookupEnv(run.variable)
	tried := map[[sha256.Size]byte]bool{}
	for _, r := range s.before(run) {
		if tried[r.digest] {
			continue
		}
		tried[r.digest] = true
		if plain := decryptWith(r.list, encrypted); plain != nil {
			return plain, nil
		}
	}
	r, err := s.run(ctx, c, run)
	if err != nil || tried[r.digest] {
		return nil, err
	}
	return decryptWith(r.list, encrypted), nil
}

// before returns what came of the runs of a command line so far.
func (s *identities) before(run identityRun) (list []ranIdentities) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, r := range s.ran {
		if other.variable == run.variable && other.line == run.line {
			list = append(list, r)
		}
	}
	return list
}

// run runs a command, or returns what came of it before. A run that was interrupted is forgotten.
func (s *identities) run(ctx context.Context, c identityCommand, run identityRun) (ranIdentities, error) {
	s.mu.Lock()
	r, ran := s.ran[run]
	s.mu.Unlock()
	if ran {
		return r, r.err
	}
	out, err := runIdentityCommand(ctx, run)
	r = ranIdentities{digest: sha256.Sum256(out), err: err}
	if list, bad := c.parse(out); bad == nil { // SOPS's own error says more
		r.list = list
	}
	clear(out)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ran == nil {
		s.ran = map[identityRun]ranIdentities{}
	}
	s.ran[run] = r
	return r, err
}

// decryptWith decrypts a data key. It returns nil if none of the identities does that.
func decryptWith(list sopsage.ParsedIdentities, encrypted string) []byte {
	if len(list) == 0 {
		return nil
	}
	k := sopsage.MasterKey{EncryptedKey: encrypted}
	list.ApplyToMasterKey(&k)
	plain, err := k.Decrypt()
	if err != nil {
		return nil
	}
	return plain
}

// runIdentityCommand returns what a command writes, or nothing if it fails by itself. It returns an
// error, in SOPS's form, only if the command reaches a limit.
func runIdentityCommand(ctx context.Context, run identityRun) ([]byte, error) {
	args, err := shlex.Split(run.line)
	if err != nil || len(args) == 0 {
		return nil, nil //nolint:nilerr // SOPS reports it
	}
	out, err := subprocess.Command{
		Args: args, Env: append(os.Environ(), sopsage.SopsAgeRecipientEnv+"="+run.recipient),
		Time: MaxTime, MaxOutput: maxIdentities, Terminal: true,
	}.Output(ctx)
	if errors.Is(err, subprocess.ErrOutput) || ctx.Err() != nil {
		return nil, fmt.Errorf("failed to execute command %s: %w", run.line, err)
	}
	return out, nil
}

package sopsfile

import (
	"context"
	"errors"
	"fmt"
	"os"

	"filippo.io/age/agessh"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/google/shlex"
	"github.com/secretsync/secretsync/internal/subprocess"
)

// maxIdentities limits what a command that writes age identities may write, in bytes.
const maxIdentities = 1 << 20

// identityCommands are the variables with such commands, in the order in which they are run, and
// how SOPS reads what they write.
var identityCommands = []struct {
	variable string
	parse    func(out []byte) (sopsage.ParsedIdentities, error)
}{
	{sopsage.SopsAgeKeyCmdEnv, func(out []byte) (ids sopsage.ParsedIdentities, err error) {
		err = ids.Import(string(out))
		return ids, err
	}},
	{sopsage.SopsAgeSshPrivateKeyCmdEnv, func(out []byte) (sopsage.ParsedIdentities, error) {
		id, err := agessh.ParseIdentity(out)
		return sopsage.ParsedIdentities{id}, err
	}},
}

// decryptAge decrypts a data key. SOPS runs the commands in the environment without limits, so
// they are run here first. If what they write does not decrypt it, SOPS looks everywhere, and
// runs them again.
func (g gate) decryptAge(ctx context.Context, r *keyservice.DecryptRequest) ([]byte, error) {
	for _, c := range identityCommands {
		out, err := runIdentityCommand(ctx, c.variable, r.GetKey().GetAgeKey().GetRecipient())
		if err != nil {
			return nil, err
		}
		ids, err := c.parse(out)
		clear(out)
		if err != nil || len(ids) == 0 {
			continue // SOPS's own error says more
		}
		k := sopsage.MasterKey{EncryptedKey: string(r.GetCiphertext())}
		ids.ApplyToMasterKey(&k)
		if plain, err := k.Decrypt(); err == nil {
			return plain, nil
		}
	}
	answer, err := g.Server.Decrypt(ctx, r)
	return answer.GetPlaintext(), err
}

// runIdentityCommand returns what the command in a variable writes, and nothing if it fails by
// itself. The error is that of a limit, in SOPS's form.
func runIdentityCommand(ctx context.Context, variable, recipient string) ([]byte, error) {
	line, _ := os.LookupEnv(variable)
	args, err := shlex.Split(line)
	if err != nil || len(args) == 0 {
		return nil, nil //nolint:nilerr // SOPS reports it
	}
	out, err := subprocess.Command{
		Args: args, Env: append(os.Environ(), sopsage.SopsAgeRecipientEnv+"="+recipient),
		Time: decryptTime, MaxOutput: maxIdentities, Terminal: true,
	}.Output(ctx)
	if errors.Is(err, subprocess.ErrOutput) || ctx.Err() != nil {
		return nil, fmt.Errorf("failed to execute command %s: %w", line, err)
	}
	return out, nil
}

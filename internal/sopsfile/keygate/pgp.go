package keygate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/getsops/sops/v3/pgp"
	"github.com/secretsync/secretsync/internal/subprocess"
)

// OpenPGP's numbers of the packets that an encrypted message consists of.
const (
	packetSessionKey = 1  // encrypted for a public key
	packetEncrypted  = 18 // with integrity protection
	packetAEAD       = 20 // the same of GnuPG
)

const (
	// maxEncrypted is the largest encrypted packet, in bytes. One with a data key has about 100.
	maxEncrypted = 1 << 10
	// maxUnpacked is how much a compressed packet may unpack to: a literal packet with a data
	// key, and perhaps the name of a file.
	maxUnpacked = 1 << 10
	// maxKeyring is far larger than any keyring, in bytes.
	maxKeyring = 64 << 20
)

// decryptPGP decrypts a data key with a keyring of GnuPG 1, if there is one that has the key
// without a passphrase, or else with gpg. It replaces SOPS's package pgp, which would unpack a
// message of any size in memory.
func decryptPGP(ctx context.Context, armored string) ([]byte, error) {
	message, err := checkMessage(armored)
	if err != nil {
		return nil, err
	}
	key, err := withKeyring(message)
	if _, refused := errors.AsType[refusal](err); err == nil || refused {
		return key, err
	}
	return withGPG(ctx, armored)
}

// checkMessage refuses a message that is not what SOPS writes: session keys for public keys, and
// one small encrypted packet. In particular nothing that is compressed without being encrypted, and
// nothing for a passphrase, which gpg would ask for. It returns the message without its armor.
func checkMessage(armored string) ([]byte, error) {
	const unlike refusal = "is not a PGP message as sops writes it"
	block, err := armor.Decode(strings.NewReader(armored))
	if err != nil {
		return nil, unlike
	}
	message, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, unlike
	}
	packets, encrypted := packet.NewOpaqueReader(bytes.NewReader(message)), false
	for {
		p, err := packets.Next()
		switch {
		case errors.Is(err, io.EOF) && encrypted:
			return message, nil
		case err != nil || encrypted:
			return nil, unlike
		case p.Tag == packetSessionKey:
		case (p.Tag == packetEncrypted || p.Tag == packetAEAD) && len(p.Contents) <= maxEncrypted:
			encrypted = true
		case p.Tag == packetEncrypted || p.Tag == packetAEAD:
			return nil, tooLargeKey
		default:
			return nil, unlike
		}
	}
}

// withKeyring decrypts with keys that need no passphrase, from secring.gpg or, if that does not
// exist, from pubring.gpg.
func withKeyring(message []byte) ([]byte, error) {
	ring, err := openKeyring()
	if err != nil {
		return nil, err
	}
	most := int64(maxUnpacked)
	details, err := openpgp.ReadMessage(bytes.NewReader(message), ring, nil, &packet.Config{MaxDecompressedMessageSize: &most})
	if err != nil {
		return nil, unpacked(err)
	}
	key, err := io.ReadAll(io.LimitReader(details.UnverifiedBody, maxDataKey+1))
	return key, unpacked(err)
}

// unpacked turns the error for a message that unpacks to too much into a refusal.
func unpacked(err error) error {
	if errors.Is(err, pgperrors.ErrMessageTooLarge) {
		return tooLargeKey
	}
	return err
}

func openKeyring() (openpgp.EntityList, error) {
	home := os.Getenv("GNUPGHOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		home = filepath.Join(user, ".gnupg")
	}
	file, err := os.Open(filepath.Join(home, "secring.gpg"))
	if errors.Is(err, fs.ErrNotExist) {
		file, err = os.Open(filepath.Join(home, "pubring.gpg"))
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return openpgp.ReadKeyRing(io.LimitReader(file, maxKeyring))
}

// GPG is the program that decrypts with PGP keys, as SOPS runs it.
func GPG() string { return cmp.Or(os.Getenv(pgp.SopsGpgExecEnv), "gpg") }

// withGPG has gpg decrypt, which asks gpg-agent for the private key. The error has what gpg
// says, which is not to be shown.
func withGPG(ctx context.Context, armored string) ([]byte, error) {
	key, err := subprocess.Command{
		Args: []string{GPG(), "-d"}, Stdin: strings.NewReader(armored), Time: MaxTime, MaxOutput: maxDataKey, Terminal: true,
	}.Output(ctx)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		clear(key)
		return nil, fmt.Errorf("gpg: %w: %s", err, exit.Stderr)
	}
	if err == nil && len(key) == 0 { // an old gpg skips what it doesn't know, without an error
		return nil, errors.New("gpg decrypts nothing")
	}
	return key, limited(err)
}

// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"
	helpers "github.com/docker/docker-credential-helpers/client"
	helpererrors "github.com/docker/docker-credential-helpers/credentials"
	"github.com/docker/docker/api/types/registry"

	"drydock/sandbox"
)

const (
	hubDomain = "docker.io"
	// hubKey is what Docker Hub is called in the docker config, for all time
	// (moby registry.IndexServer).
	hubKey = "https://index.docker.io/v1/"
	// tokenUser is in the place of a user name where the secret is an identity
	// token (docker/cli config/credentials/native_store.go).
	tokenUser = "<token>"
)

// credentials finds what the user has for a registry and encodes it for the
// engine; "": nothing. They come, as for the docker command, from
// DOCKER_AUTH_CONFIG, the registry's credHelper, the credsStore, or the config
// file itself.
func (e *Engine) credentials(ctx context.Context, host string) (string, error) {
	key := host
	if host == hubDomain {
		key = hubKey
	}
	auth, err := e.lookUp(ctx, key)
	if err != nil {
		return "", err
	}
	if auth == (types.AuthConfig{}) {
		return "", nil
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{
		Username:      auth.Username,
		Password:      auth.Password,
		Auth:          auth.Auth,
		ServerAddress: key,
		IdentityToken: auth.IdentityToken,
		RegistryToken: auth.RegistryToken,
	})
}

func (e *Engine) lookUp(ctx context.Context, key string) (types.AuthConfig, error) {
	file, err := config.Load(e.config.ConfigDir)
	if err != nil {
		return types.AuthConfig{}, credentialError(err.Error(), "mend docker's config.json")
	}
	if !file.ContainsAuth() {
		file.CredentialsStore = credentials.DetectDefaultStore(file.CredentialsStore)
	}
	helper := file.CredentialsStore
	if special, ok := file.CredentialHelpers[key]; ok {
		helper = special
	}
	if os.Getenv(configfile.DockerEnvConfigKey) != "" || helper == "" {
		// Without the helpers, no program is started in here.
		file.CredentialsStore, file.CredentialHelpers = "", nil
		if auth, err := file.GetAuthConfig(key); err != nil || helper == "" || auth.Username+auth.IdentityToken != "" {
			return auth, err
		}
	}
	return e.ask(ctx, helper, key)
}

// ask runs a credential helper. What it prints is a secret, and what it says
// in failing may be one: only the one line of an error is passed on.
func (e *Engine) ask(ctx context.Context, helper, key string) (types.AuthConfig, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.limits.helper, errSlow)
	defer cancel()
	name := "docker-credential-" + helper
	program := &helperProgram{}
	found, err := helpers.Get(func(args ...string) helpers.Program {
		program.cmd = exec.CommandContext(ctx, name, args...)
		program.cmd.WaitDelay = time.Second // it may have left children with its output
		return program
	}, key)
	remedy := fmt.Sprintf("see whether `echo %s | %s get` works, or take %q out of docker's config.json", key, name, helper)
	switch {
	case err == nil:
	case helpererrors.IsErrCredentialsNotFound(err):
		return types.AuthConfig{}, nil
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errSlow):
		return types.AuthConfig{}, credentialError(fmt.Sprintf("the credential helper %s did not answer within %s", name, e.limits.helper), remedy)
	case ctx.Err() != nil:
		return types.AuthConfig{}, explain(ctx, "ask credential helper", 0, ctx.Err())
	case errors.Is(program.err, exec.ErrNotFound):
		return types.AuthConfig{}, credentialError("the credential helper "+name+" that docker's config.json names is not installed", remedy)
	default:
		return types.AuthConfig{}, credentialError("the credential helper "+name+" failed: "+program.said(), remedy)
	}
	if found.Username == tokenUser {
		return types.AuthConfig{IdentityToken: found.Secret}, nil
	}
	return types.AuthConfig{Username: found.Username, Password: found.Secret}, nil
}

// credentialError is an ImageError without its image: Provide fills that in.
func credentialError(message, remedy string) error {
	return &sandbox.ImageError{Reason: sandbox.StartImagePull, Message: message, Remedy: remedy}
}

// helperProgram is a credential helper that ends with its context.
type helperProgram struct {
	cmd *exec.Cmd
	out []byte
	err error
}

func (h *helperProgram) Input(in io.Reader) { h.cmd.Stdin = in }

func (h *helperProgram) Output() ([]byte, error) {
	h.out, h.err = h.cmd.Output()
	return h.out, h.err
}

// said is why a helper failed: by its protocol a line on stdout, unless that
// looks like an answer.
func (h *helperProgram) said() string {
	if h.err == nil {
		return "its answer is no credentials document"
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(h.out), []byte("\n"))
	const most = 200
	if len(line) == 0 || len(line) > most || bytes.ContainsAny(line, "{}") {
		return h.err.Error()
	}
	return strings.ToValidUTF8(string(line), "?")
}

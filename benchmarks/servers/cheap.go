// cheap: an SSH server that costs almost nothing per connection, so that what the client costs shows.
//
// usage: cheap HOST_KEY AUTHORIZED_KEY
//
// It listens on all addresses at a port of its own choice, prints that port, and ends when its stdin ends. It lets in
// the one key, starts no process, and answers every command with one line and exit status 0; `true` with none.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "cheap:", err)
		os.Exit(1)
	}
}

func configure(hostKey, authorizedKey string) *ssh.ServerConfig {
	private, err := os.ReadFile(hostKey)
	must(err)
	signer, err := ssh.ParsePrivateKey(private)
	must(err)
	line, err := os.ReadFile(authorizedKey)
	must(err)
	public, _, _, _, err := ssh.ParseAuthorizedKey(line)
	must(err)
	known := public.Marshal()
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-cheap",
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if bytes.Equal(key.Marshal(), known) {
				return nil, nil
			}
			return nil, errors.New("unknown key")
		},
	}
	config.KeyExchanges = []string{"curve25519-sha256", "curve25519-sha256@libssh.org"}
	config.AddHostKey(signer)
	return config
}

func serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			offered.Reject(ssh.UnknownChannelType, "")
			continue
		}
		if channel, asked, err := offered.Accept(); err == nil {
			go answer(channel, asked)
		}
	}
}

func answer(channel ssh.Channel, requests <-chan *ssh.Request) {
	for request := range requests {
		if request.Type != "exec" {
			request.Reply(false, nil)
			continue
		}
		var exec struct{ Command string }
		ssh.Unmarshal(request.Payload, &exec)
		request.Reply(true, nil)
		if exec.Command != "true" {
			io.WriteString(channel, "Linux cheap 6.1.0\n")
		}
		channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{0}))
		channel.Close()
	}
}

func main() {
	config := configure(os.Args[1], os.Args[2])
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	must(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		for {
			if conn, err := listener.Accept(); err == nil {
				go serve(conn, config)
			}
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

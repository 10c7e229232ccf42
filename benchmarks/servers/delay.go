// delay: a TCP proxy that puts a round trip of a given length between client and server, that of the SYN included.
//
// usage: delay UPSTREAM_PORT RTT      such as: delay 2222 20ms
//
// It listens on all addresses at a port of its own choice, prints that port, and ends when its stdin ends.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// A piece without data is the end of the stream.
type piece struct {
	due  time.Time
	data []byte
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "delay:", err)
		os.Exit(1)
	}
}

// carry moves bytes one way, each half a round trip late, none as if it had been sent before `earliest`.
func carry(to, from *net.TCPConn, half time.Duration, earliest time.Time, done chan<- bool) {
	pieces := make(chan piece, 4096)
	go func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 64<<10)
			n, err := from.Read(buffer)
			sent := time.Now()
			if sent.Before(earliest) {
				sent = earliest
			}
			if n > 0 {
				pieces <- piece{sent.Add(half), buffer[:n]}
			}
			if err != nil {
				pieces <- piece{sent.Add(half), nil}
				return
			}
		}
	}()
	for next := range pieces {
		time.Sleep(time.Until(next.due))
		if next.data == nil {
			to.CloseWrite()
		} else if _, err := to.Write(next.data); err != nil {
			from.Close() // so that the reader above ends
		}
	}
	done <- true
}

func relay(client *net.TCPConn, upstream string, rtt time.Duration) {
	defer client.Close()
	began := time.Now() // the kernel has answered the SYN at once: the client may send a round trip from here
	time.Sleep(rtt + rtt/2)
	conn, err := net.Dial("tcp4", upstream)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	done := make(chan bool, 2)
	go carry(server, client, rtt/2, began.Add(rtt), done)
	go carry(client, server, rtt/2, began, done)
	<-done
	<-done
}

func main() {
	rtt, err := time.ParseDuration(os.Args[2])
	must(err)
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	must(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		for {
			if conn, err := listener.Accept(); err == nil {
				go relay(conn.(*net.TCPConn), "127.0.0.1:"+os.Args[1], rtt)
			}
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

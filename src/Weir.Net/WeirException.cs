// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;

namespace Weir.Net;

/// <summary>What every layer of Weir throws where something is expected to fail at times. The message is for people: what was
/// being done to which object, why it failed, and what to do.</summary>
public abstract class WeirException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether a failure is the machine's or the asker's: one of these, or what .NET throws for files and sockets. Any
    /// other is a mistake in the program, and to be told as such.</summary>
    public static bool IsExpected(Exception failure) => failure is WeirException or IOException or UnauthorizedAccessException or SocketException;
}

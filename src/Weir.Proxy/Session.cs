// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>What is spoken on a connection: decides which bytes reach the other end. Called by its worker's
/// thread alone.</summary>
internal abstract class Session(Connection connection)
{
    protected Connection Connection { get; } = connection;

    /// <summary>When the session must have moved on, in <see cref="Environment.TickCount64"/>; 0: it may wait for ever.</summary>
    public long Deadline { get; protected set; }

    /// <summary>Bytes that it keeps beside those that its connection does, about.</summary>
    public virtual int Memory => 0;

    /// <summary>The connection begins.</summary>
    public virtual void OnBegin()
    {
    }

    /// <summary>Policy has changed, and lets the flow through as before.</summary>
    public virtual void OnPolicyChanged()
    {
    }

    /// <summary>The client sent something.</summary>
    /// <returns>Bytes used; the rest comes again, with more behind it, or when the connection is resumed.</returns>
    public abstract int OnClientData(ReadOnlySpan<byte> data);

    /// <summary>Likewise from the server.</summary>
    public abstract int OnServerData(ReadOnlySpan<byte> data);

    /// <summary>The client sends no more.</summary>
    public abstract void OnClientEnd();

    /// <summary>The server sends no more.</summary>
    public abstract void OnServerEnd();

    /// <summary>There is no connection to the server.</summary>
    /// <param name="errno">Why.</param>
    public abstract void OnServerFailed(int errno);

    /// <summary>The deadline has passed.</summary>
    public abstract void OnDeadline();

    /// <summary>The client has taken all that waited for it.</summary>
    public virtual void OnClientHasTaken()
    {
    }

    /// <summary>Likewise the server.</summary>
    public virtual void OnServerHasTaken()
    {
    }

    /// <summary>The connection is over, whatever was under way.</summary>
    public virtual void OnClosed()
    {
    }
}

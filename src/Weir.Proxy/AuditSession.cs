// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>
/// What only policies in audit look at: bytes both ways as they come, whatever is spoken, with somebody who reads along. The server
/// may speak first. Once a policy refuses requests the connection must be opened anew: what it is in the middle of was judged by nobody.
/// </summary>
internal sealed class AuditSession(Connection connection) : TunnelSession(connection, null)
{
    private readonly RequestWatcher _watcher = new(connection);
    private long _snapshot = connection.Worker.Snapshot.Version;
    private uint _revision = connection.Flow.Revision;

    public override int Memory => _watcher.Memory;

    public override void OnBegin() => Connection.NeedServer();

    public override int OnClientData(ReadOnlySpan<byte> data)
    {
        if (!Connection.RefreshFlow() || IsEnforced())
        {
            Connection.Reset();
            return data.Length;
        }

        _watcher.Read(data);
        return base.OnClientData(data);
    }

    public override void OnPolicyChanged()
    {
        if (IsEnforced())
        {
            Connection.Reset();
        }
    }

    public override void OnClientEnd()
    {
        // There will be no more to judge, however long the server goes on.
        _watcher.Clear();
        base.OnClientEnd();
    }

    public override void OnClosed() => _watcher.Clear();

    private bool IsEnforced()
    {
        var snapshot = Connection.Worker.Snapshot;
        if (snapshot.Version == _snapshot && Connection.Flow.Revision == _revision)
        {
            return false;
        }

        _snapshot = snapshot.Version;
        _revision = Connection.Flow.Revision;
        return Judge.Refuses(snapshot, in Connection.Flow);
    }
}

// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>
/// The last request of a connection that was allowed as it was: what its header block means, what was said to it and
/// what the server was sent. It holds for the same bytes while the client's table, the flow's policies and the snapshot
/// are the same; all that a judgement comes from is compared.
/// </summary>
internal sealed class KnownRequest
{
    private const int MostWritten = 1024;
    private KnownBlock _block;
    private byte[] _written = [];
    private int _length; // 0: nothing is known of the block
    private long _snapshot;
    private uint _egress;
    private uint _ingress;
    private bool _isWhole;
    private bool _isHead;
    private Judgement _judgement;

    /// <summary>As of <see cref="RequestFields.ContentLength"/>.</summary>
    public long ContentLength { get; private set; }

    /// <summary>The block for the server.</summary>
    public ReadOnlySpan<byte> Written => _written.AsSpan(0, _length);

    /// <summary>Bytes of memory.</summary>
    public int Memory => _block.Memory + _written.Length;

    /// <summary>Whether a request is that one. Where somebody looks at requests it is to be read again, for its text.</summary>
    /// <param name="version">Of the decoder.</param>
    /// <param name="isWhole">No body follows.</param>
    public bool Is(ReadOnlySpan<byte> block, long version, Connection connection, bool isWhole) =>
        _length > 0 && isWhole == _isWhole && _block.Is(block, version)
        && connection.Worker.Snapshot.Version == _snapshot
        && connection.Flow.HttpEgress == _egress && connection.Flow.HttpIngress == _ingress
        && !connection.Worker.Reporter.WantsAllowed;

    /// <summary>It begins again.</summary>
    public Exchange Begin(in Frame frame) => new()
    {
        IsHead = _isHead,
        Protocol = "HTTP/2",
        Verdict = AccessVerdict.Allowed,
        RuleId = _judgement.RuleId,
        Ingress = _judgement.Ingress,
        RequestBytes = frame.Length,
    };

    /// <summary>A block was decoded: of another request, or of none.</summary>
    /// <param name="before">The decoder's version before that.</param>
    /// <param name="version">Likewise behind it.</param>
    public void Decoded(ReadOnlySpan<byte> block, long before, long version)
    {
        _length = 0;
        _block.Keep(block, before, version);
    }

    /// <summary>Its request was allowed, and this was written to the server.</summary>
    public void Allowed(Connection connection, long snapshot, bool isWhole, in RequestFields request, in Judgement judgement, ReadOnlySpan<byte> written)
    {
        if (!_block.IsKept || judgement.Verdict != AccessVerdict.Allowed || judgement.Mended.Count > 0 || written.Length > MostWritten)
        {
            return;
        }

        if (_written.Length < written.Length)
        {
            _written = new byte[written.Length];
        }

        written.CopyTo(_written);
        _length = written.Length;
        _snapshot = snapshot;
        _egress = connection.Flow.HttpEgress;
        _ingress = connection.Flow.HttpIngress;
        _isWhole = isWhole;
        _isHead = request.Method.SequenceEqual("HEAD"u8);
        _judgement = judgement;
        ContentLength = request.ContentLength;
    }
}

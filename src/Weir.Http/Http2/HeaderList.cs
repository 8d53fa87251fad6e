// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Rules;

namespace Weir.Http.Http2;

/// <summary>Decoded headers in their order. One object serves a worker for all.</summary>
public sealed class HeaderList : IHeaders
{
    /// <summary>Bytes of names and values together.</summary>
    public const int MostBytes = 64 * 1024;

    private const int MostHeaders = 300;
    private readonly byte[] _bytes = new byte[MostBytes];
    private readonly byte[] _scratch = new byte[MostBytes];
    private readonly List<(int Name, int Value, int End, bool IsSecret)> _fields = [];
    private int _length;

    public int Count => _fields.Count;

    /// <summary>For decoding one text at a time: here, since each worker has one, not each connection.</summary>
    internal Span<byte> Scratch => _scratch;

    /// <summary>More was decoded than fits.</summary>
    public bool IsTooLarge { get; private set; }

    public ReadOnlySpan<byte> Name(int index) => _bytes.AsSpan(_fields[index].Name, _fields[index].Value - _fields[index].Name);

    public ReadOnlySpan<byte> Value(int index) => _bytes.AsSpan(_fields[index].Value, _fields[index].End - _fields[index].Value);

    /// <summary>Must not enter anybody's table (RFC 7541 §7.1.3).</summary>
    public bool IsSecret(int index) => _fields[index].IsSecret;

    public void Clear()
    {
        _fields.Clear();
        _length = 0;
        IsTooLarge = false;
    }

    public void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool isSecret = false)
    {
        if (IsTooLarge || _length + name.Length + value.Length > MostBytes || _fields.Count == MostHeaders)
        {
            IsTooLarge = true;
            return;
        }

        name.CopyTo(_bytes.AsSpan(_length));
        value.CopyTo(_bytes.AsSpan(_length + name.Length));
        _fields.Add((_length, _length + name.Length, _length + name.Length + value.Length, isSecret));
        _length += name.Length + value.Length;
    }

    /// <summary>Mends the headers as the rule that allows the request wants them.</summary>
    public void Mend(IReadOnlyList<HeaderRule> mismatched)
    {
        ArgumentNullException.ThrowIfNull(mismatched);
        foreach (var header in mismatched)
        {
            if (header.Mismatch is HeaderMismatch.Delete or HeaderMismatch.Replace)
            {
                for (var i = Count - 1; i >= 0; i--)
                {
                    if (Ascii.EqualsIgnoreCase(Name(i), header.Name) && Encoding.UTF8.GetString(Value(i)) != header.Value)
                    {
                        _fields.RemoveAt(i);
                    }
                }
            }

            if (header.Mismatch is HeaderMismatch.Add or HeaderMismatch.Replace)
            {
#pragma warning disable CA1308 // header names of HTTP/2 are in small letters (RFC 9113 §8.2.1)
                Add(Encoding.ASCII.GetBytes(header.Name.ToLowerInvariant()), Encoding.UTF8.GetBytes(header.Value ?? ""));
#pragma warning restore CA1308
            }
        }
    }
}

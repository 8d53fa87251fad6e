// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Rules;

namespace Weir.Http.Http2;

/// <summary>Decoded headers in their order. One object serves a worker for all.</summary>
public sealed class HeaderList : IHeaders
{
    /// <summary>Bytes of names and values together.</summary>
    public const int MostBytes = 64 * 1024;

    private const int MostHeaders = 1000;
    private readonly byte[] _bytes;
    private readonly byte[] _scratch;
    private readonly List<Field> _fields = [];
    private int _length;

    public HeaderList()
        : this(MostBytes)
    {
    }

    /// <param name="bytes">Bytes of names and values together, at most <see cref="MostBytes"/>.</param>
    internal HeaderList(int bytes)
    {
        _bytes = new byte[bytes];
        _scratch = new byte[2 * bytes]; // a name and a value
    }

    public int Count => _fields.Count;

    /// <summary>Bytes of names and values together.</summary>
    public int Bytes => _length;

    /// <summary>For decoding one text at a time: here, since each worker has one, not each connection.</summary>
    internal Span<byte> Scratch => _scratch;

    /// <summary>More was decoded than fits.</summary>
    public bool IsTooLarge { get; private set; }

    public ReadOnlySpan<byte> Name(int index) => _bytes.AsSpan(_fields[index].Start, _fields[index].NameLength);

    public ReadOnlySpan<byte> Value(int index) => _bytes.AsSpan(_fields[index].Value, _fields[index].End - _fields[index].Value);

    /// <summary>An entry of HPACK's static table that has the name, or 0.</summary>
    internal byte StaticName(int index) => _fields[index].StaticName;

    /// <summary>Must not enter anybody's table (RFC 7541 §7.1.3).</summary>
    public bool IsSecret(int index) => _fields[index].IsSecret;

    public void Clear()
    {
        _fields.Clear();
        _length = 0;
        IsTooLarge = false;
    }

    public void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool isSecret = false) => Add(name, value, isSecret, 0);

    internal void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool isSecret, byte staticName)
    {
        if (IsTooLarge || _length + name.Length + value.Length > _bytes.Length || _fields.Count == MostHeaders)
        {
            IsTooLarge = true;
            return;
        }

        name.CopyTo(_bytes.AsSpan(_length));
        value.CopyTo(_bytes.AsSpan(_length + name.Length));
        _fields.Add(new Field(_length, name.Length, _length + name.Length, _length + name.Length + value.Length, isSecret, staticName));
        _length += name.Length + value.Length;
    }

    /// <summary>Takes blanks from both ends of a value: they are no part of it (RFC 9110 §5.5), and readers of HTTP/1
    /// behind a server that translates would not see them.</summary>
    public void TrimValue(int index)
    {
        var field = _fields[index];
        var value = Value(index);
        var start = value.Length - value.TrimStart(" \t"u8).Length;
        _fields[index] = field with { Value = field.Value + start, End = field.Value + start + value.Trim(" \t"u8).Length };
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

    private readonly record struct Field(int Start, int NameLength, int Value, int End, bool IsSecret, byte StaticName);
}

// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http1;

/// <summary>Finds the end of a message's head as it arrives, looking at each byte once.</summary>
/// <param name="lenient">Lines may end with LF alone, as servers are known to answer; requests must not.</param>
public struct HeadScanner(bool lenient)
{
    private int _line;
    private int _scanned;

    /// <summary>Where the line begins that is looked at.</summary>
    public readonly int Line => _line;

    /// <summary>Looks at a head that has grown.</summary>
    /// <param name="data">Everything from the head's beginning.</param>
    /// <returns>Length with the empty line at the end; 0: more is needed; -1: a line ends with LF alone.</returns>
    public int Scan(ReadOnlySpan<byte> data)
    {
        while (data[_scanned..].IndexOf((byte)'\n') is var offset and >= 0)
        {
            var end = _scanned + offset;
            var length = end - _line;
            var hasReturn = length > 0 && data[end - 1] == '\r';
            if (!hasReturn && !lenient)
            {
                return -1;
            }

            _scanned = end + 1;
            _line = end + 1;
            if (length == (hasReturn ? 1 : 0))
            {
                return end + 1;
            }
        }

        _scanned = data.Length;
        return 0;
    }
}

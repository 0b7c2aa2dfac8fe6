"""A generator of cases for each kernel, registered under its symbol. A kernel without one fails the parity suite.

Every file here is loaded. To add a kernel, add a file (or a function to the file of its family):

    @generates(MY_KERNEL)
    @st.composite
    def _my_kernel(draw: st.DrawFn) -> Case:
        count = draw(counts())
        return Case(MY_KERNEL, MyParams(count), {"input": draw(int8_arrays(count))}, {"output": count})

A generator covers all that the operator's lowering can produce and nothing that it refuses; it should make results that
are neither all saturated nor all the same, and the extremes more often than chance has them (see ``values``).
"""

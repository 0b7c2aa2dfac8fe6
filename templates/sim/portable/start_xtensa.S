/* Reset and exceptions of an Xtensa core with the call0 ABI, and its calls of the emulator (SIMCALL): qemu-system-xtensa
 * -M sim -cpu lx106. Reset begins with the first word of code. SIMCALL: a2 the operation, a3 to a5 its arguments. */

    .section .text.tg_start, "ax"
    .global Reset_Handler
    .type Reset_Handler, @function
Reset_Handler:
    j       start

    .align  4
stack:   .word tg_stack_top
vectors: .word tg_vectors
    .align  4
start:
    l32r    a1, stack
    l32r    a2, vectors
    wsr     a2, vecbase
    movi    a2, 0               /* interrupt level 0, no exception */
    wsr     a2, ps
    rsync
    call0   main

/* Offsets of this core's vectors from VECBASE, each of at most 16 bytes. */
    .section .text.tg_vectors, "ax"
    .align  256
    .global tg_vectors
tg_vectors:
    .org    tg_vectors + 0x30   /* kernel */
    j       trap
    .org    tg_vectors + 0x50   /* user */
    j       trap
    .org    tg_vectors + 0x70   /* double */
    j       trap
    .align  4
top: .word tg_stack_top
trap:                           /* the whole stack is free again: nothing returns from an exception */
    mov     a5, a1
    l32r    a1, top
    rsr     a2, exccause
    rsr     a3, epc1
    movi    a4, 0
    wsr     a4, ps
    rsync
    mov     a4, a5
    call0   tg_fault

    .section .text.tg_simcall, "ax"
    .align  4
    .global tg_simcall
    .type tg_simcall, @function
tg_simcall:
    simcall
    ret

    .section .text.tg_counter, "ax"
    .align  4
    .global tg_counter
    .type tg_counter, @function
tg_counter:
    rsr     a2, ccount
    ret

    .section .text.tg_stack_pointer, "ax"
    .align  4
    .global tg_stack_pointer
    .type tg_stack_pointer, @function
tg_stack_pointer:
    mov     a2, a1
    ret

    .section .text.tg_nothing, "ax"
    .align  4
    .global tg_nothing
    .type tg_nothing, @function
tg_nothing:
    ret
